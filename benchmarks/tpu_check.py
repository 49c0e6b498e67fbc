"""Compiles HLO text with the real TPU compiler, on a machine without a TPU.

  .venv-tpu-check/bin/python -m benchmarks.tpu_check FILE.hlo [TOPOLOGY ...]

The environment is that of tpu_check_requirements.txt, or of
tpu_check_requirements_paired.txt: the compiler is inside libtpu, and is reached
through internals of jaxlib, so the versions are pinned.
Ends with 1 where a topology does not compile.
"""

import importlib.metadata
import os
import sys
import time
from typing import Any

# There is no TPU to ask or to share, and no metadata server.
os.environ |= {
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "TPU_LOG_DIR": "disabled",
    "TPU_STDERR_LOG_LEVEL": "3",
}

import jax
import numpy as np
from jax._src.lib import xla_client
from jax.experimental import topologies

from benchmarks import hlo_text
from benchmarks import stablehlo

TOPOLOGIES = ("v5e:2x2", "v4:2x2x2")
MIB = 1 << 20


def compile_for(topology: str, text: str) -> tuple[Any, Any]:
    """Compiles HLO for one core of a topology.

    Returns:
      The device, and the compiled program.

    Raises:
      jax.errors.JaxRuntimeError: the compiler refuses it, and says why.
    """
    device = topologies.get_topology_desc(
        platform="tpu", topology_name=topology
    ).devices[0]
    options = xla_client.CompileOptions()
    options.num_replicas = options.num_partitions = 1
    options.device_assignment = xla_client.DeviceAssignment.create(
        np.array([[0]])
    )
    return device, stablehlo.compile_for([device], text, options)


def check(topology: str, text: str) -> bool:
    """Prints what compiling for a topology gave; returns whether it did."""
    began = time.monotonic()
    try:
        device, program = compile_for(topology, text)
    except jax.errors.JaxRuntimeError as error:
        print(f"{topology}: REFUSED: {str(error).splitlines()[0]}")
        return False
    memory = program.get_compiled_memory_stats()
    built = " ".join(device.client.platform_version.split())
    print(
        f"{topology}: {device.device_kind}, compiled in"
        f" {time.monotonic() - began:.1f} s by {built}\n"
        f"  code {memory.generated_code_size_in_bytes / MIB:.2f} MiB, arguments"
        f" {memory.argument_size_in_bytes / MIB:.2f} MiB, results"
        f" {memory.output_size_in_bytes / MIB:.2f} MiB (of them in place"
        f" {memory.alias_size_in_bytes / MIB:.2f}), temporary"
        f" {memory.temp_size_in_bytes / MIB:.2f} MiB"
    )
    return True


def main(path: str, *wanted: str) -> int:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    kinds = hlo_text.operations(text)
    dynamic = hlo_text.dynamic_shapes(text)
    foreign = hlo_text.foreign_calls(text)
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("jax", "jaxlib", "libtpu")
    )
    print(
        f"program: {len(kinds)} operations of {len(set(kinds))} kinds\n"
        f"dynamic shapes: {', '.join(dynamic) or 'none'}\n"
        f"calls out of XLA: {', '.join(foreign) or 'none'}\n"
        f"compiler: {versions}"
    )
    compiled = [check(each, text) for each in wanted or TOPOLOGIES]
    print(
        "not covered: TPUStrategy, collectives, input; one replica takes the"
        " whole batch, and nothing was run"
    )
    return 0 if all(compiled) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
