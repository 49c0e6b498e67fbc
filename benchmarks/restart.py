"""How long a job that is killed needs to its next step, with and without spare.

  python -m benchmarks.restart --data_dir=DIR [--num_workers=1] [--pairs=7]

The MNIST recipe, prolonged, under `strata launch local`. In turn without and
with `--spare`, a job is started, trains for a while, has its chief killed, and
tells its next steps. As the jobs of a pair follow one another, both see much
the same of what else the machine does: the ratio says more than the seconds.
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from benchmarks.goodput import kill_trainer

TRAINED_SECS = 4.0
JOB = (
    "--config=mnist",
    "--config.epochs=100000",
    "--config.checkpoint.every_secs=2",
    "--config.log.every_steps=10",
    "--log_format=json",
)


def step_times(lines: IO[str]) -> Iterator[float]:
    """Yields the Unix time of each line of a step that the chief prints.

    Raises:
      RuntimeError: the job ended.
    """
    for line in lines:
        told = line.removeprefix("[0] ")
        if told.startswith("{") and "step" in (found := json.loads(told)):
            yield found["unix_secs"]
    raise RuntimeError("the job ended")


def family(pid: int) -> list[int]:
    """Returns a process and all that it started."""
    found = [pid]
    for each in found:
        for file in pathlib.Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):  # a thread that has ended
                found += map(int, file.read_text().split())
    return found


def memory_bytes(pids: list[int]) -> int:
    """Returns what processes hold, a page that several share counted once."""
    total = 0
    for pid in pids:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        kibibytes = text.partition("\nPss:")[2].split()[0]
        total += 1024 * int(kibibytes)
    return total


def measure(
    workdir: pathlib.Path, own: list[str], flags: list[str]
) -> tuple[float, int]:
    """Runs a job whose chief is killed once.

    Args:
      workdir: of the job.
      own: flags of its launcher.
      flags: of the trainer.

    Returns:
      Seconds from the kill to the next steps, and what it held before.
    """
    command = [sys.executable, "-m", "trainer", "launch", "local", *own, "--"]
    job = subprocess.Popen(
        [*command, *JOB, f"--workdir={workdir}", *flags],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout is not None
    try:
        times = step_times(job.stdout)
        first = next(times)
        next(t for t in times if t > first + TRAINED_SECS)
        held = memory_bytes(family(job.pid))
        killed = time.time()
        kill_trainer(workdir)
        return next(t for t in times if t > killed) - killed, held
    finally:
        job.kill()
        job.communicate()


def main() -> None:
    """Prints each pair, the medians and their ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", required=True, help="of MNIST's files")
    parser.add_argument("--num_workers", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=7)
    given = parser.parse_args()
    flags = [f"--data_dir={given.data_dir}"]
    workers = [f"--num_workers={given.num_workers}"]
    kinds = {"cold": workers, "--spare": [*workers, "--spare"]}
    secs: dict[str, list[float]] = {kind: [] for kind in kinds}
    held: dict[str, list[int]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as name:
        for pair in range(given.pairs):
            for kind, own in kinds.items():
                took, bytes_held = measure(
                    pathlib.Path(name) / kind, own, flags
                )
                secs[kind].append(took)
                held[kind].append(bytes_held)
            told = ", ".join(f"{k} {v[-1]:.2f} s" for k, v in secs.items())
            print(f"pair {pair + 1}: {told}", flush=True)
    for kind in kinds:
        print(
            f"{kind}: median {statistics.median(secs[kind]):.2f} s"
            f" ({min(secs[kind]):.2f} to {max(secs[kind]):.2f}),"
            f" {statistics.median(held[kind]) / 2**20:.0f} MiB held before"
        )
    cold, spare = (statistics.median(secs[kind]) for kind in kinds)
    print(f"ratio of medians {spare / cold:.2f}")


if __name__ == "__main__":
    main()
