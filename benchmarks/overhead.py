"""What a part of the trainer costs: pairs of runs with it and without.

  python -m benchmarks.overhead checkpoint --data_dir=DIR [--pairs=5]

The two runs of a pair run at the same time, each on one core, and change cores
with every pair. Compared are the CPU-seconds of the whole process, children
included, and beside them its wall time; the interval is bootstrapped over the
pairs. "metrics" has no flag: see benchmarks.metric_cost.
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


def run_together(commands: list[list[str]]) -> list[Cost]:
    """Runs the trainer both ways at once, each on a core of its own.

    Both then see the same weather: what else the machine does, and how quick
    it is, changes from minute to minute.

    Args:
      commands: two, of which the first is given the first core.

    Raises:
      RuntimeError: one of them failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        processes = [
            subprocess.Popen(
                [
                    *("taskset", "--cpu-list", str(core)),
                    *(*command, f"--workdir={folder}/run{core}"),
                ],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for core, command in enumerate(commands)
        ]
        costs = {}
        for _ in processes:
            ended, status, used = os.wait3(0)
            if status:
                raise RuntimeError(f"process {ended} left with status {status}")
            wall_secs = time.perf_counter() - began
            costs[ended] = Cost(used.ru_utime + used.ru_stime, wall_secs)
        for process in processes:
            process.returncode = 0
        return [costs[process.pid] for process in processes]


def measure(part: str, pairs: int, flags: list[str]) -> list[tuple[Cost, Cost]]:
    """Returns (cost with the part, cost without it) of each pair."""
    if part == "supervision":
        commands = [[*LAUNCHER, *TRAINER[3:]], TRAINER]
    else:
        commands = [[*TRAINER, *more] for more in PARTS[part]]
    measured = []
    for pair in range(pairs):
        order = (0, 1) if pair % 2 == 0 else (1, 0)
        costs = run_together([[*commands[i], *flags] for i in order])
        ours, bare = (costs[order.index(i)] for i in (0, 1))
        measured.append((ours, bare))
        print(f"pair {pair + 1} of {pairs}: {ours}, {bare}", flush=True)
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
