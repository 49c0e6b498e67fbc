"""Strata beside what a user would pick instead, in one run: `make bench`.

  python -m benchmarks.bench --data_dir=DIR [--rounds=3] [--seeds=5]

Every contestant is a process of its own, started in turn (A B C A B C), on the
same recipe (see benchmarks/peers). Seconds differ between machines and hours;
the ratios of one run are what counts.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from trainer import record

ROOT = pathlib.Path(__file__).parents[1]
PEERS = str(ROOT / ".venv-bench" / "bin" / "python")
RESULTS = ROOT / "benchmarks" / "results.json"
# (name, interpreter, program), in the order of a round.
RECIPE = (
    ("course script", sys.executable, "course"),
    ("Keras, tuned", sys.executable, "keras_tuned"),
    ("PyTorch", PEERS, "pytorch"),
    ("PyTorch, compiled", PEERS, "pytorch_compiled"),
    ("JAX", PEERS, "jax_epoch"),
)
FLOOR = "products alone"
# An epoch of the recipe, in floating point operations; see products.py.
EPOCH_OPERATIONS = 60_000 * (4 * 784 * 784 + 6 * 784 * 10)
# Of mnist_fast: it was chosen on others.
FIRST_SEED = 200
WANTED_ACCURACY = 0.9795


class Ran(NamedTuple):
    """A process that ended, and what it said."""

    wall_secs: float
    peak_bytes: int
    found: dict[str, Any]


def run(command: list[str]) -> tuple[float, int, str]:
    """Runs a command; returns seconds, peak memory and its output.

    Raises:
      RuntimeError: it failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": "2"}
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=output,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_secs = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode:
        raise RuntimeError(f"{command} left with {process.returncode}: {text}")
    return wall_secs, used.ru_maxrss * 1024, text


def peer(program: str, python: str, *arguments: object) -> Ran:
    """Runs one of benchmarks/peers."""
    command = [python, "-m", f"benchmarks.peers.{program}"]
    wall_secs, peak, text = run([*command, *map(str, arguments)])
    return Ran(wall_secs, peak, json.loads(text.splitlines()[-1]))


def strata(config: str, *flags: str) -> Ran:
    """Runs the trainer as a user does, TensorBoard, metrics and report on."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = pathlib.Path(folder) / "run"
        command = [sys.executable, "-m", "trainer.task", f"--config={config}"]
        wall_secs, peak, _ = run([*command, f"--workdir={workdir}", *flags])
        result = json.loads((workdir / "result.json").read_text())
    timing = result["timing"]
    found = {
        "epoch_secs": timing["epoch_secs"],
        "fit_secs": timing["train_secs"],
        "setup_secs": timing["setup_secs"],
        "goodput": result["goodput"],
        "accuracy": result["evaluation"]["test"]["accuracy"],
    }
    return Ran(wall_secs, peak, found)


def recipe(data_dir: str, rounds: int, epochs: int) -> dict[str, list[Ran]]:
    """Runs the course recipe by each contestant, in turn."""
    ran: dict[str, list[Ran]] = {}

    def add(name: str, one: Ran) -> None:
        ran.setdefault(name, []).append(one)
        print(f"{name}: {one}", flush=True)

    for seed in range(rounds):
        flags = (f"--config.epochs={epochs}", f"--config.seed={seed}")
        add("Strata", strata("mnist", f"--data_dir={data_dir}", *flags))
        for name, python, program in RECIPE:
            add(name, peer(program, python, data_dir, epochs, seed))
        add(FLOOR, peer("products", PEERS))
    return ran


def to_accuracy(data_dir: str, seeds: int) -> dict[str, list[Ran]]:
    """Runs mnist_fast and the course script on seeds it was not chosen on."""
    ran: dict[str, list[Ran]] = {"mnist_fast": [], "course script": []}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        flags = (f"--data_dir={data_dir}", f"--config.seed={seed}")
        ran["mnist_fast"].append(strata("mnist_fast", *flags))
        course = peer("course", sys.executable, data_dir, 5, seed)
        ran["course script"].append(course)
        for name, runs in ran.items():
            print(f"seed {seed}: {name} {runs[-1]}", flush=True)
    return ran


def epoch_secs(runs: list[Ran]) -> list[float]:
    """Returns each run's epochs but the first, which warms up."""
    return [s for r in runs for s in r.found["epoch_secs"][1:]]


def lines(ran: dict[str, list[Ran]]) -> Iterator[str]:
    """Yields a table of the recipe's contestants."""
    base = {name: statistics.median(epoch_secs(r)) for name, r in ran.items()}
    yield (
        f"{'':18} {'s/epoch':>8} {'spread':>13} {'x Strata':>8} {'first':>6}"
        f" {'process s':>9} {'peak MB':>7} {'accuracy':>8}"
    )
    for name, runs in ran.items():
        secs = epoch_secs(runs)
        first = statistics.median(r.found["epoch_secs"][0] for r in runs)
        wall = statistics.median(r.wall_secs for r in runs)
        peak = statistics.median(r.peak_bytes for r in runs) / 1e6
        scores = [r.found["accuracy"] for r in runs if "accuracy" in r.found]
        score = f"{statistics.median(scores):8.4f}" if scores else " " * 8
        yield (
            f"{name:18} {base[name]:8.3f} {min(secs):6.3f}-{max(secs):6.3f}"
            f" {base[name] / base['Strata']:8.2f} {first:6.2f} {wall:9.2f}"
            f" {peak:7.0f} {score}"
        )
    floor = base[FLOOR]
    yield (
        f"Strata is at {floor / base['Strata']:.0%} of the products' speed"
        f" ({EPOCH_OPERATIONS / floor / 1e9:.0f} GFLOP/s)"
    )


def accuracy_lines(ran: dict[str, list[Ran]]) -> Iterator[str]:
    """Yields what it took to come to WANTED_ACCURACY."""
    for name, runs in ran.items():
        scores = [r.found["accuracy"] for r in runs]
        secs = [r.found["fit_secs"] for r in runs]
        yield (
            f"{name:18} {statistics.median(secs):6.2f} s of training"
            f" ({min(secs):.2f}-{max(secs):.2f}); accuracy mean"
            f" {statistics.mean(scores):.4f}, least {min(scores):.4f}, wanted"
            f" {WANTED_ACCURACY}"
        )
    fast, course = (
        statistics.median(r.found["fit_secs"] for r in runs)
        for runs in ran.values()
    )
    yield f"mnist_fast trains in {course / fast:.1f} x less"


def machine() -> dict[str, Any]:
    """Says what was measured on."""
    return {
        "processor": record._processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }


def main() -> None:
    """Runs the rows that are asked for; prints and keeps what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", required=True, help="MNIST's four files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    found: dict[str, Any] = {"machine": machine()}
    by_recipe = recipe(asked.data_dir, asked.rounds, asked.epochs)
    by_accuracy = to_accuracy(asked.data_dir, asked.seeds)
    found["recipe"] = {
        n: [r._asdict() for r in runs] for n, runs in by_recipe.items()
    }
    found["to_accuracy"] = {
        n: [r._asdict() for r in runs] for n, runs in by_accuracy.items()
    }
    found["load_after"] = os.getloadavg()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(found["machine"])
    print("\n".join([*lines(by_recipe), *accuracy_lines(by_accuracy)]))


if __name__ == "__main__":
    main()
