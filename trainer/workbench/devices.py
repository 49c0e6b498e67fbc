"""What TensorFlow sees, and the drivers that it would need."""

import csv
import glob
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from trainer.devices import gpu_compiler
from trainer.process.exits import UserError
from trainer.process.programs import finish
from trainer.process.surroundings import module_command
from trainer.workbench.findings import discreet
from trainer.workbench.findings import Finding
from trainer.workbench.software import how_to_add

# Of TensorFlow's start, which takes 3 s; and of NVIDIA's tool.
START_SECS, TOOL_SECS = 120.0, 15.0
_SIGNALS = {
    -signal.SIGILL: "the processor lacks an instruction of it (AVX?)",
    -signal.SIGKILL: "it was killed, perhaps for want of memory",
}


def drivers() -> Iterator[Finding]:
    """Says which drivers of accelerators are there; asks no TensorFlow."""
    yield _nvidia()
    chips = glob.glob("/dev/accel*") + glob.glob("/dev/vfio/[0-9]*")
    yield Finding("TPU chips", f"{len(chips)} devices" if chips else "none")


def _nvidia() -> Finding:
    """Says what NVIDIA's driver is, by its tool."""
    files = glob.glob("/dev/nvidia[0-9]*")
    if not shutil.which("nvidia-smi"):
        there = f"{len(files)} devices, but no nvidia-smi" if files else "none"
        return Finding("NVIDIA GPUs", there)
    asked = "--query-gpu=name,driver_version,memory.total"
    try:
        words = ["nvidia-smi", asked, "--format=csv,noheader"]
        done = finish(words, TOOL_SECS)
    except OSError as error:
        return Finding("NVIDIA GPUs", f"nvidia-smi does not answer: {error}")
    if done.returncode:
        said = " ".join((done.stdout or done.stderr).split())
        return Finding("NVIDIA GPUs", f"nvidia-smi: {said}")
    return Finding("NVIDIA GPUs", gpus_of(done.stdout))


def gpus_of(text: str) -> str:
    """Says what nvidia-smi lists: each kind once, and the driver."""
    rows = [[c.strip() for c in row] for row in csv.reader(text.splitlines())]
    rows = [row for row in rows if len(row) == 3]
    if not rows:
        return "none"
    kinds = [f"{name}, {memory}" for name, _, memory in rows]
    told = [f"{kinds.count(k)} × {k}" for k in dict.fromkeys(kinds)]
    return f"{'; '.join(told)}; driver {rows[0][1]}"


def tensorflow() -> Iterator[Finding]:
    """Says what TensorFlow sees, in a process of its own."""
    began = time.monotonic()
    done = finish(module_command("trainer.workbench.probe"), START_SECS)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no word"]
        yield _not_started(_SIGNALS.get(done.returncode, lines[-1]))
        return
    found = json.loads(done.stdout.splitlines()[-1])
    yield from seen(found, time.monotonic() - began, os.environ)


def _not_started(reason: str) -> Finding:
    return Finding(
        "TensorFlow",
        f"does not start: {discreet(reason)}",
        "install TensorFlow anew, or see its message above",
        stops=True,
    )


def seen(
    found: dict[str, Any], secs: float, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """Says what TensorFlow's process found.

    Args:
      found: what `probe` prints.
      secs: that it took.
      environment: of a run.
    """
    built = f"built for CUDA {found['cuda']}" if found["cuda"] else "for CPUs"
    yield Finding(
        "TensorFlow", f"{found['version']}, {built}; starts in {secs:.1f} s"
    )
    names = found["devices"]
    counts = [f"{names.count(n)} × {n}" for n in dict.fromkeys(names)]
    yield Finding("it sees", ", ".join(counts))
    has_gpu = any(name != "CPU" for name in names)
    if glob.glob("/dev/nvidia[0-9]*") and not has_gpu:
        yield Finding(
            "GPUs", "there, and TensorFlow sees none", how_to_add("gpu")
        )
    if has_gpu:
        yield _compiler(environment)


def _compiler(environment: Mapping[str, str]) -> Finding:
    """Says whether a step can be compiled for a GPU."""
    try:
        gpu_compiler.check(environment)
    except UserError as error:
        words = discreet(str(error))
        return Finding("XLA", words, how_to_add("gpu"), stops=True)
    return Finding("XLA", "has ptxas and libdevice")
