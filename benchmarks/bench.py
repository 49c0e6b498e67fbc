"""Strata beside what a user would pick instead, in one run: `make bench`.

  python -m benchmarks.bench --data_dir=DIR [--rounds=3] [--turns=12]
      [--starts=6] [--seeds=5]

Every contestant is a process of its own on the same recipe (see
benchmarks/peers). Whole processes are started in turn (A B C A B C), and epochs
are taken in turn with Strata's (see benchmarks/turns.py). Seconds differ
between machines and hours; the ratios of neighbours are what counts. Writes
benchmarks/results.json and docs/images/speed.png; ends with 1 where a peer did
not learn the task.
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

from benchmarks import bench_table
from benchmarks import turns
from benchmarks.bench_table import COURSE
from benchmarks.bench_table import FLOORS
from benchmarks.bench_table import OURS
from trainer.process import surroundings

ROOT = pathlib.Path(__file__).parents[1]
PEERS = str(ROOT / ".venv-bench" / "bin" / "python")
RESULTS = ROOT / "benchmarks" / "results.json"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT),
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
# Epochs of a program that is ended once its turns are over.
ENOUGH = 1000
# (name, interpreter, program), in the order of a round.
RECIPE = (
    (COURSE, sys.executable, "course"),
    ("Keras, tuned", sys.executable, "keras_tuned"),
    ("PyTorch", PEERS, "pytorch"),
    ("PyTorch, compiled", PEERS, "pytorch_compiled"),
    ("JAX", PEERS, "jax_epoch"),
    ("Flax", PEERS, "flax_step"),
    ("tf_keras", PEERS, "keras_legacy"),
    ("scikit-learn, Adam", PEERS, "sklearn_mlp"),
)
# Of mnist_fast: it was chosen on others.
FIRST_SEED = 200
WANTED_ACCURACY = 0.9795
# Below it a peer has not learned the same task, and no time of it counts.
LEAST_ACCURACY = 0.97


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
    with (
        tempfile.TemporaryFile("w+") as output,
        tempfile.TemporaryFile("w+") as errors,
    ):
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=output, stderr=errors
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


def peer_command(program: str, python: str, *arguments: object) -> list[str]:
    """Returns the words that start one of benchmarks/peers."""
    return [python, "-m", f"benchmarks.peers.{program}", *map(str, arguments)]


def peer(program: str, python: str, *arguments: object) -> Ran:
    """Runs one of benchmarks/peers."""
    wall_secs, peak, text = run(peer_command(program, python, *arguments))
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


def recipe(
    data_dir: str, rounds: int, starts: int, epochs: int
) -> dict[str, list[Ran]]:
    """Runs the course recipe by each contestant, in turn.

    Args:
      data_dir: of MNIST.
      rounds: of all contestants.
      starts: further ones of Strata and the course script alone, whose whole
        processes are held against each other.
      epochs: of each run.
    """
    ran: dict[str, list[Ran]] = {}

    def add(name: str, one: Ran) -> None:
        ran.setdefault(name, []).append(one)
        print(f"{name}: {one}", flush=True)

    for seed in range(rounds + starts):
        flags = (f"--config.epochs={epochs}", f"--config.seed={seed}")
        add(OURS, strata("mnist", f"--data_dir={data_dir}", *flags))
        for name, python, program in RECIPE:
            if seed < rounds or name == COURSE:
                add(name, peer(program, python, data_dir, epochs, seed))
    return ran


def in_turn(data_dir: str, count: int) -> bench_table.Turns:
    """Takes epochs of each contestant in turn with Strata's."""
    commands = {
        name: peer_command(program, python, data_dir, ENOUGH, 0)
        for name, python, program in RECIPE
    }
    for name, library in FLOORS.items():
        commands[name] = peer_command("products", PEERS, library, ENOUGH)
    found = {}
    for name, theirs in commands.items():
        with tempfile.TemporaryDirectory() as folder:
            ours = [
                *(sys.executable, "-m", "benchmarks.strata_in_turn"),
                *("--config=mnist", f"--config.epochs={ENOUGH}"),
                *(f"--data_dir={data_dir}", f"--workdir={folder}/run"),
            ]
            found[name] = turns.take(ours, theirs, ENVIRONMENT, count)
        print(f"Strata's epochs and {name}'s: {found[name]}", flush=True)
    return found


def to_accuracy(data_dir: str, seeds: int) -> dict[str, list[Ran]]:
    """Runs mnist_fast and the course script on seeds it was not chosen on."""
    ran: dict[str, list[Ran]] = {"mnist_fast": [], COURSE: []}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        flags = (f"--data_dir={data_dir}", f"--config.seed={seed}")
        ran["mnist_fast"].append(strata("mnist_fast", *flags))
        course = peer("course", sys.executable, data_dir, 5, seed)
        ran[COURSE].append(course)
        for name, runs in ran.items():
            print(f"seed {seed}: {name} {runs[-1]}", flush=True)
    return ran


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
    by_recipe = recipe(asked.data_dir, asked.rounds, asked.starts, asked.epochs)
    by_turns = in_turn(asked.data_dir, asked.turns)
    by_accuracy = to_accuracy(asked.data_dir, asked.seeds)
    found["recipe"] = {n: kept(runs) for n, runs in by_recipe.items()}
    found["in_turn"] = {
        name: [[round(secs, 4) for secs in pair] for pair in pairs]
        for name, pairs in by_turns.items()
    }
    found["to_accuracy"] = {n: kept(runs) for n, runs in by_accuracy.items()}
    found["load_after"] = os.getloadavg()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    bench_table.draw(by_turns, by_recipe, found["machine"])
    print(found["machine"], found["versions"])
    print("load afterwards:", found["load_after"])
    print(
        "\n".join(
            [
                *bench_table.recipe_lines(by_turns, by_recipe),
                *bench_table.start_lines(by_recipe[OURS]),
                *bench_table.accuracy_lines(by_accuracy, WANTED_ACCURACY),
            ]
        )
    )
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
