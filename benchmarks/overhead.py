"""What a part of the trainer costs: pairs of runs with it and without.

  python -m benchmarks.overhead checkpoint --data_dir=DIR [--pairs=5]

The two runs of a pair run at the same time, each on one core, and change cores
with every pair. Compared are the CPU-seconds of the whole process, children
included, and beside them its wall time; the interval is bootstrapped over the
pairs.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

TRAINER = [sys.executable, "-m", "trainer.task"]
# Where the numbers of part "prometheus" are asked for, and how often, as by
# ops/prometheus.yml.
METRICS_PORT, SCRAPE_SECS = 9095, 15.0
# Each part's run with it, and the run without it.
PARTS = {
    "checkpoint": (
        [*TRAINER, "--config.checkpoint.every_secs=10"],
        [*TRAINER, "--config.checkpoint.every_secs=1e6"],
    ),
    "tensorboard": (TRAINER, [*TRAINER, "--config.log.tensorboard=false"]),
    "prometheus": ([*TRAINER, f"--metrics_port={METRICS_PORT}"], TRAINER),
    "metrics": (TRAINER, [sys.executable, "-m", "benchmarks.loss_alone"]),
    # It stands before the trainer, and is no flag of it.
    "supervision": (
        [sys.executable, "-m", "trainer", "launch", "local", "--"],
        TRAINER,
    ),
}
RESAMPLES = 10_000


class Cost(NamedTuple):
    """Seconds of one run."""

    cpu_secs: float
    wall_secs: float


def run_together(commands: list[list[str]], cores: list[int]) -> list[Cost]:
    """Runs the trainer both ways at once, each on a core of its own.

    Both then see the same weather: what else the machine does, and how quick
    it is, changes from minute to minute.

    Args:
      commands: two of them.
      cores: of each command.

    Raises:
      RuntimeError: one of them failed; the other one is ended.
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
            for core, command in zip(cores, commands, strict=True)
        ]
        costs = {}
        try:
            for _ in processes:
                ended, status, used = os.wait3(0)
                wall_secs = time.perf_counter() - began
                costs[ended] = Cost(used.ru_utime + used.ru_stime, wall_secs)
                if status:
                    raise RuntimeError(
                        f"process {ended} left with status {status}"
                    )
        finally:
            for process in processes:
                if process.pid in costs:
                    # wait3 has taken the status that Popen would wait for.
                    process.returncode = 0
                else:
                    process.terminate()
                    process.wait()
        return [costs[process.pid] for process in processes]


@contextlib.contextmanager
def scraping() -> Iterator[None]:
    """Asks for numbers as a Prometheus does, where some are shown."""
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(SCRAPE_SECS):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(
                    f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=5
                ).read()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def measure(part: str, pairs: int, flags: list[str]) -> list[tuple[Cost, Cost]]:
    """Returns (cost with the part, cost without it) of each pair."""
    measured = []
    cores = sorted(os.sched_getaffinity(0))[:2]
    for pair in range(pairs):
        with scraping() if part == "prometheus" else contextlib.nullcontext():
            ours, bare = run_together(
                [[*command, *flags] for command in PARTS[part]],
                cores if pair % 2 == 0 else cores[::-1],
            )
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
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--data_dir", help="of MNIST's four files")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    flags = ["--config=mnist", f"--config.epochs={arguments.epochs}"]
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
