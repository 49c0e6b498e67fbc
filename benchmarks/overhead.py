"""What a part of the trainer costs: pairs of runs with it and without.

  python -m benchmarks.overhead checkpoint --data_dir=DIR [--pairs=5]

The two runs of a pair follow each other, every other pair the other way round.
Compared are the CPU-seconds of the whole process, children included, and
beside them its wall time; the interval is bootstrapped over the pairs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

import numpy as np

# The flags of a run with the part, and of one without it.
PARTS = {
    "checkpoint": (
        ["--config.checkpoint.every_secs=10"],
        ["--config.checkpoint.every_secs=1e6"],
    ),
    "tensorboard": ([], ["--config.log.tensorboard=false"]),
    "scalars": (
        ["--config.log.norms_every_steps=none"],
        ["--config.log.tensorboard=false"],
    ),
    "histograms": (["--config.log.histograms_every_steps=500"], []),
}
TRAINER = [sys.executable, "-m", "trainer.task", "--config=mnist"]
# Supervision stands before the trainer, and is no flag of it.
LAUNCHER = [sys.executable, "-m", "trainer", "launch", "local", "--"]
RESAMPLES = 10_000


class Cost(NamedTuple):
    """Seconds of one run."""

    cpu_secs: float
    wall_secs: float


def run(command: list[str]) -> Cost:
    """Runs the trainer in a workdir that is then removed.

    Raises:
      subprocess.CalledProcessError: it failed.
    """
    with tempfile.TemporaryDirectory() as workdir:
        began, before = time.perf_counter(), os.times()
        subprocess.run(
            [*command, f"--workdir={workdir}/run"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wall_secs, after = time.perf_counter() - began, os.times()
    spent = [
        after.children_user - before.children_user,
        after.children_system - before.children_system,
    ]
    return Cost(sum(spent), wall_secs)


def measure(part: str, pairs: int, flags: list[str]) -> list[tuple[Cost, Cost]]:
    """Returns (cost with the part, cost without it) of each pair."""
    if part == "supervision":
        commands = [[*LAUNCHER, *TRAINER[3:]], TRAINER]
    else:
        commands = [[*TRAINER, *more] for more in PARTS[part]]
    measured = []
    for pair in range(pairs):
        order = (0, 1) if pair % 2 == 0 else (1, 0)
        costs = {i: run([*commands[i], *flags]) for i in order}
        measured.append((costs[0], costs[1]))
        print(f"pair {pair + 1} of {pairs}: {costs[0]}, {costs[1]}", flush=True)
    return measured


def summary(ratios: list[float]) -> str:
    """Returns "+0.42 % (95 %: -0.10 to +0.91)" of ratios with to without."""
    chance = np.random.default_rng(0)
    drawn = chance.choice(ratios, (RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    middle = statistics.median(ratios)
    return (
        f"{100 * (middle - 1):+.2f} % (95 %: {100 * (low - 1):+.2f} to"
        f" {100 * (high - 1):+.2f})"
    )


def main() -> None:
    """Prints the median cost of a part in CPU-seconds and in wall time."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", choices=[*PARTS, "supervision"])
    parser.add_argument("--data_dir", help="of MNIST's four files")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    flags = [f"--config.epochs={arguments.epochs}"]
    if arguments.data_dir:
        flags.append(f"--data_dir={arguments.data_dir}")
    if not arguments.pairs:
        return
    measured = measure(arguments.part, arguments.pairs, flags)
    for name in Cost._fields:
        ratios = [
            getattr(ours, name) / getattr(bare, name) for ours, bare in measured
        ]
        print(f"{arguments.part}, {name}: {summary(ratios)}")


if __name__ == "__main__":
    main()
