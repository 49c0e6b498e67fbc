"""Compiles HLO text with jaxlib's XLA:GPU, on a machine without a GPU.

  .venv-gpu-check/bin/python -m benchmarks.gpu_by_jaxlib \
      HLO TARGET REPLICAS DUMP [HLO TARGET REPLICAS DUMP ...]

Does what gpu_compile.cc does, where no C++ compiler is at hand. The environment
is that of gpu_check_requirements.txt; the compiler is reached through internals
of jaxlib, so the versions are pinned.
"""

import os
import pathlib
import sys
import time

# There is no GPU to ask.
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
from jax._src.lib import xla_client
from jax.experimental import topologies

from benchmarks import stablehlo


def compile_for(text: str, target: str, replicas: int, dump: str) -> None:
    """Compiles HLO for some GPUs of a kind.

    Raises:
      jax.errors.JaxRuntimeError: the compiler refuses it, and says why.
    """
    devices = topologies.get_topology_desc(
        platform="cuda", target_config=target, topology=f"1x1x{replicas}"
    ).devices
    options = xla_client.CompileOptions()
    options.num_replicas, options.num_partitions = replicas, 1
    options.device_assignment = xla_client.DeviceAssignment.create(
        np.arange(replicas)[:, None]
    )
    debug = options.executable_build_options.debug_options
    debug.xla_dump_to = dump
    debug.xla_dump_hlo_as_text = True
    stablehlo.compile_for(devices, text, options)


def main(*words: str) -> int:
    """Prints a line a program: its seconds, or why it was refused."""
    for place in range(0, len(words), 4):
        hlo, target, replicas, dump = words[place : place + 4]
        text, proto = (pathlib.Path(path).read_text() for path in (hlo, target))
        began = time.monotonic()
        try:
            compile_for(text, proto, int(replicas), dump)
            print(f"{time.monotonic() - began}", flush=True)
        except jax.errors.JaxRuntimeError as error:
            print(f"REFUSED: {str(error).splitlines()[0]}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
