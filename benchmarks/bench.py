"""Strata beside what a user would pick instead, in one run: `make bench`.

  python -m benchmarks.bench --data_dir=DIR [--rounds=3] [--turns=12]
      [--starts=6] [--seeds=5]

Every contestant is a process of its own on the same recipe (see
benchmarks/contestants.py). Whole processes are started in turn (A B C A B C),
and epochs are taken in turn with Strata's (see benchmarks/turns.py). Seconds
differ between machines and hours; the ratios of neighbours are what counts.
Writes benchmarks/results.json and, from it, the tables and the chart of README
and docs; ends with 1 where a peer did not learn the task.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from typing import Any
from typing import NamedTuple

from benchmarks import bench_docs
from benchmarks import bench_table
from benchmarks import turns
from benchmarks.bench_docs import RESULTS
from benchmarks.bench_table import OURS
from benchmarks.contestants import ALL
from benchmarks.contestants import ASKED_THREADS
from benchmarks.contestants import Contestant
from benchmarks.contestants import COURSE
from benchmarks.contestants import PEERS
from benchmarks.contestants import RECIPE
from benchmarks.contestants import ROOT
from trainer.process import surroundings

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
# Epochs of a program that is ended once its turns are over.
ENOUGH = 1000
# Of mnist_fast: it was chosen on others.
FIRST_SEED = 200
# Below it a peer has not learned the same task, and no time of it counts.
LEAST_ACCURACY = 0.97


class Ran(NamedTuple):
    """A process that ended, and what it said."""

    wall_secs: float
    peak_bytes: int
    found: dict[str, Any]


def run(
    command: list[str], threads: int | None = None
) -> tuple[float, int, str]:
    """Runs a command; returns seconds, peak memory and its output.

    Args:
      command: the words.
      threads: as many as it shall use, or as it likes.

    Raises:
      RuntimeError: it failed.
    """
    with (
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
    ):
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=surrounded(threads), stdout=output, stderr=errors
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_secs = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
        if process.returncode:
            errors.seek(0)
            raise RuntimeError(
                f"{command} left with {process.returncode}:"
                f" {text}{errors.read()}"
            )
    return wall_secs, used.ru_maxrss * 1024, text


def surrounded(threads: int | None) -> dict[str, str]:
    """Returns the environment of a program with so many threads."""
    if threads is None:
        return ENVIRONMENT
    return {**ENVIRONMENT, "OMP_NUM_THREADS": str(threads)}


def peer(
    contestant: Contestant, *arguments: object, threads: int | None = None
) -> Ran:
    """Runs one of benchmarks/peers."""
    wall_secs, peak, text = run(contestant.command(*arguments), threads)
    return Ran(wall_secs, peak, json.loads(text.splitlines()[-1]))


def quickest_threads(data_dir: str) -> dict[str, int]:
    """Finds with how many threads PyTorch's contestants are quickest."""
    found = {}
    for contestant in ASKED_THREADS:
        secs = {
            threads: peer(contestant, data_dir, 3, 0, threads=threads)
            for threads in {1, os.cpu_count() or 1}
        }
        found[contestant.name] = min(
            secs, key=lambda each: min(secs[each].found["epoch_secs"])
        )
    print("threads:", found, flush=True)
    return found


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


def recipe(
    data_dir: str,
    rounds: int,
    starts: int,
    epochs: int,
    threads: dict[str, int],
) -> dict[str, list[Ran]]:
    """Runs the course recipe by each contestant, in turn.

    Args:
      data_dir: of MNIST.
      rounds: of all contestants.
      starts: further ones of Strata and the course script alone, whose whole
        processes are held against each other.
      epochs: of each run.
      threads: of the contestants that are told.
    """
    ran: dict[str, list[Ran]] = {}

    def add(name: str, one: Ran) -> None:
        ran.setdefault(name, []).append(one)
        print(f"{name}: {one}", flush=True)

    for seed in range(rounds + starts):
        flags = (f"--config.epochs={epochs}", f"--config.seed={seed}")
        add(OURS, strata("mnist", f"--data_dir={data_dir}", *flags))
        for each in RECIPE:
            if seed < rounds or each == COURSE:
                asked = threads.get(each.name)
                ran_now = peer(each, data_dir, epochs, seed, threads=asked)
                add(each.name, ran_now)
    return ran


def in_turn(
    data_dir: str, count: int, threads: dict[str, int]
) -> dict[str, list[tuple[float, float]]]:
    """Takes epochs of each contestant in turn with Strata's."""
    found = {}
    for name, each in ALL.items():
        asked = (data_dir, ENOUGH, 0) if each in RECIPE else (ENOUGH,)
        with tempfile.TemporaryDirectory() as folder:
            ours = [
                *(sys.executable, "-m", "benchmarks.strata_in_turn"),
                *("--config=mnist", f"--config.epochs={ENOUGH}"),
                *(f"--data_dir={data_dir}", f"--workdir={folder}/run"),
            ]
            found[name] = turns.take(
                ours,
                each.command(*asked),
                surrounded(threads.get(name)),
                count,
            )
        print(f"Strata's epochs and {name}'s: {found[name]}", flush=True)
    return found


def to_accuracy(data_dir: str, seeds: int) -> dict[str, list[Ran]]:
    """Runs mnist_fast and the course script on seeds it was not chosen on."""
    ran: dict[str, list[Ran]] = {"mnist_fast": [], COURSE.name: []}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        flags = (f"--data_dir={data_dir}", f"--config.seed={seed}")
        ran["mnist_fast"].append(strata("mnist_fast", *flags))
        ran[COURSE.name].append(peer(COURSE, data_dir, 5, seed))
        for name, runs in ran.items():
            print(f"seed {seed}: {name} {runs[-1]}", flush=True)
    return ran


def ratios_in(text: str) -> dict[int, float]:
    """Reads what predict.py prints: by batch size, how many times as quick."""
    lines = [line.split() for line in text.splitlines()]
    return {
        int(words[0]): float(words[3])
        for words in lines
        if len(words) == 4 and words[0].isdecimal()
    }


def predicting(data_dir: str) -> dict[int, float]:
    """Holds `predict` against Keras's, by batch size, on a run of a step."""
    with tempfile.TemporaryDirectory() as folder:
        flags = (f"--data_dir={data_dir}", f"--workdir={folder}/run")
        run(
            [
                *(sys.executable, "-m", "trainer.task", "--config=mnist"),
                *("--config.steps=1", *flags),
            ]
        )
        words = f"--workdir={folder}/run"
        _, _, text = run([sys.executable, "-m", "benchmarks.predict", words])
    print(text, flush=True)
    return ratios_in(text)


def machine() -> dict[str, Any]:
    """Says what was measured on."""
    return {
        "processor": surroundings.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load": os.getloadavg(),
    }


def versions() -> dict[str, str]:
    """Returns the version of each package that is measured."""
    script = (
        "import importlib.metadata as m, json, sys;"
        "print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    )
    found = {}
    for python, names in (
        (sys.executable, ("tensorflow", "keras", "numpy")),
        (PEERS, ("torch", "jax", "flax", "optax", "tf-keras", "scikit-learn")),
    ):
        _, _, text = run([python, "-c", script, *names])
        found.update(json.loads(text))
    return found


def _rounded(parts: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{n: round(secs, 4) for n, secs in part.items()} for part in parts]


def kept(runs: list[Ran]) -> dict[str, Any]:
    """Returns what results.json keeps of a contestant's runs."""
    names = ("fit_secs", "accuracy", "setup_secs")
    parts = [r.found.get("goodput", {}) for r in runs]
    return {
        "wall_secs": [round(r.wall_secs, 2) for r in runs],
        "peak_bytes": [r.peak_bytes for r in runs],
        "epoch_secs": [
            [round(secs, 4) for secs in r.found["epoch_secs"]] for r in runs
        ],
        **{
            name: [round(r.found[name], 4) for r in runs]
            for name in names
            if name in runs[0].found
        },
        **({"goodput": _rounded(parts)} if any(parts) else {}),
    }


def main() -> int:
    """Prints and keeps what was found; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", required=True, help="MNIST's four files")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--starts", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "versions": versions()}
    found["threads"] = threads = quickest_threads(asked.data_dir)
    by_recipe = recipe(
        asked.data_dir, asked.rounds, asked.starts, asked.epochs, threads
    )
    by_turns = in_turn(asked.data_dir, asked.turns, threads)
    by_accuracy = to_accuracy(asked.data_dir, asked.seeds)
    found["recipe"] = {n: kept(runs) for n, runs in by_recipe.items()}
    found["in_turn"] = {
        name: [[round(secs, 4) for secs in pair] for pair in pairs]
        for name, pairs in by_turns.items()
    }
    found["to_accuracy"] = {n: kept(runs) for n, runs in by_accuracy.items()}
    found["predict"] = predicting(asked.data_dir)
    found["load_after"] = os.getloadavg()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    # As it is read again: its names are texts.
    found = json.loads(RESULTS.read_text())
    bench_docs.write(found)
    print(found["machine"], found["versions"])
    print("load afterwards:", found["load_after"])
    print("\n".join(bench_table.text(found)))
    behind = [
        name
        for name, runs in by_recipe.items()
        if min(r.found["accuracy"] for r in runs) < LEAST_ACCURACY
    ]
    if behind:
        print(f"below {LEAST_ACCURACY:.0%} accuracy: {', '.join(behind)}")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
