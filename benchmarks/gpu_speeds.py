"""How quick a GPU is, beside others, for benchmarks.on_gpu."""

import pathlib
import sys
from collections.abc import Callable

from benchmarks import bench
from benchmarks import growth
from benchmarks.contestants import COURSE
from benchmarks.contestants import JAX
from benchmarks.contestants import PYTORCH
from benchmarks.gpu_machine import hold
from benchmarks.gpu_machine import Machine

PEERS = (COURSE, PYTORCH[-1], JAX)
WIDE = growth.Point("width", width=4096, batch=4096)
WIDE_DRY = growth.Point("width", width=64, batch=512, rows=5000)


def speed(machine: Machine) -> str:
    """Examples per second of the course recipe, beside others'."""
    if machine.data_dir is None:
        return "left out: --data_dir is missing"
    found = {}
    if not machine.is_dry:
        found["Strata"] = machine.reference.epoch_secs
    for each in PEERS:
        if pathlib.Path(each.python).exists():
            ran = bench.peer(each, machine.data_dir, 2, 0)
            name = _told(each.name, each.python)
            found[name] = min(ran.found["epoch_secs"][1:])
    return ", ".join(f"{n} {60_000 / secs:,.0f}/s" for n, secs in found.items())


def wide(machine: Machine) -> str:
    """The same of a layer of 4096, a batch of 4096."""
    point = WIDE_DRY if machine.is_dry else WIDE
    contestants = {
        **growth.CONTESTANTS,
        "Keras": (sys.executable, "benchmarks.peers.growth_keras"),
    }
    found = {
        _told(name, python): growth.step_secs(name, [point], contestants)[0]
        for name, (python, _) in contestants.items()
        if pathlib.Path(python).exists()
    }
    return ", ".join(
        f"{name} {point.batch / secs:,.0f}/s" for name, secs in found.items()
    )


def fast(machine: Machine) -> str:
    """mnist_fast, the whole process."""
    if machine.data_dir is None:
        return "left out: --data_dir is missing"
    ran = bench.strata("mnist_fast", f"--data_dir={machine.data_dir}")
    accuracy = ran.found["accuracy"]
    hold(accuracy >= bench.LEAST_ACCURACY, f"scored {accuracy:.2%}")
    return f"{accuracy:.2%} in {ran.wall_secs:.1f} s"


def curve(machine: Machine) -> str:
    """Milliseconds of a step as width and batch grow."""
    points = [WIDE_DRY] if machine.is_dry else growth.points()
    points = [p for p in points if p.panel in ("width", "batch")]
    found = growth.step_secs("Strata", points)
    return ", ".join(
        f"{p.width} x {p.batch}: {1e3 * secs:.3f}"
        for p, secs in zip(points, found, strict=True)
    )


def _told(name: str, python: str) -> str:
    """Names a contestant; those of `make bench` have a CPU alone."""
    return f"{name} on the CPU" if python == bench.PEERS else name


SPEEDS: dict[str, Callable[[Machine], str]] = {
    "examples/s": speed,
    "examples/s, 4096 wide": wide,
    "mnist_fast": fast,
    "growth, ms a step": curve,
}
