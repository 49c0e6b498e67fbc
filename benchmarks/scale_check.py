"""How well this machine's own devices scale: `make scale-check`.

  python -m benchmarks.scale_check [--config=digits] [--data_dir=DIR]

Trains for half a minute on 1, 2, 4 ... of the GPUs, or of as many logical CPUs
as there are cores: with the config's batch shared by all (strong), and with
that batch on each (weak). Where the efficiency is below 80 %, the cause is
named.
"""

import glob
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.cost_model import GOOD_EFFICIENCY
from trainer import flags as flags_lib
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb

STOPPED = 43
# What the trainer takes to start, which counts as its age.
START_SECS = 15.0
# Lines of the log before the first chunks are compiled, and more.
WARM_LINES = 2
# Shares of the time from which they count as a cause.
MUCH_INPUT_WAIT = 0.1
MUCH_WAITING = 0.15


class Ran(NamedTuple):
    """What a run on some replicas did."""

    replicas: int
    global_batch_size: int
    examples_per_sec: float
    input_wait_share: float
    waiting_share: float | None


def read(workdir: pathlib.Path, replicas: int, global_batch_size: int) -> Ran:
    """Reads what the trainer wrote of its speed.

    Raises:
      UserError: it was too short to tell.
    """
    text = (workdir / "timing.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    lines = [each for each in lines if each["split"] == "train"][WARM_LINES:]
    if not lines:
        raise UserError(
            "--secs is too short for two lines of the log; give more, or a"
            " smaller --config.log.every_steps"
        )
    speed, wait = (
        statistics.median(each[name] for each in lines)
        for name in ("examples_per_sec", "input_wait_share")
    )
    # What all replicas spent on their own work, of what the step took.
    waiting = [
        1 - each["worker_secs/0"] / replicas / each["step_secs"]
        for each in lines
        if "worker_secs/0" in each
    ]
    return Ran(
        replicas,
        global_batch_size,
        speed,
        wait,
        statistics.median(waiting) if waiting else None,
    )


def run(
    flags: list[str],
    replicas: int,
    global_batch_size: int,
    device_flag: str,
    secs: float,
) -> Ran:
    """Trains for some seconds on so many replicas.

    Raises:
      UserError: the trainer refused; it has said why.
    """
    with tempfile.TemporaryDirectory() as name:
        workdir = pathlib.Path(name) / "run"
        ran = subprocess.run(
            [
                *(sys.executable, "-m", "trainer.task", *flags),
                *(f"--workdir={workdir}", f"--{device_flag}={replicas}"),
                f"--config.global_batch_size={global_batch_size}",
                # A length that is never reached, and no score on the way.
                *("--config.steps=100000000", "--config.log.every_steps=50"),
                "--config.evaluation.every_steps=100000000",
                *(
                    "--config.log.tensorboard=false",
                    f"--max_secs={START_SECS + secs}",
                ),
            ],
            stdout=subprocess.DEVNULL,
        )
        if ran.returncode != STOPPED:
            raise UserError(f"the trainer left with {ran.returncode}")
        return read(workdir, replicas, global_batch_size)


def cause(ran: Ran, *, cores: int | None) -> str:
    """Names what keeps replicas from being used well.

    Args:
      ran: the run.
      cores: of this machine where its devices are logical CPUs, else None.
    """
    if ran.input_wait_share > MUCH_INPUT_WAIT:
        return (
            f"input: {ran.input_wait_share:.0%} of the time is spent waiting"
            " for rows; faster storage, or more cores for the host"
        )
    rows = ran.global_batch_size // ran.replicas
    if cores is not None:
        return (
            f"cores: one CPU device by itself uses all {cores}, so that more of"
            " them share what there is, and add an all-reduce"
        )
    if ran.waiting_share is not None and ran.waiting_share > MUCH_WAITING:
        return (
            f"all-reduce: {ran.waiting_share:.0%} of a step is spent on it and"
            f" on waiting for others, with {rows} rows a replica; a larger"
            " config.global_batch_size, or fewer replicas"
        )
    return (
        f"the step itself: {rows} rows a replica are too few to fill a device;"
        " a larger config.global_batch_size, or fewer replicas"
    )


def lines(
    flags: list[str], batch: int, counts: list[int], gpus: bool, secs: float
) -> Iterator[str]:
    """Yields a line a run, and one for its cause where it scales badly."""
    device_flag = "devices" if gpus else "cpu_devices"
    cores = None if gpus else os.cpu_count()
    alone = run(flags, 1, batch, device_flag, secs)
    yield f"1 replica, batch {batch}: {alone.examples_per_sec:,.0f} examples/s"
    for replicas in counts:
        for kind, size in (("strong", batch), ("weak", batch * replicas)):
            ran = run(flags, replicas, size, device_flag, secs)
            efficiency = (
                ran.examples_per_sec / alone.examples_per_sec / replicas
            )
            yield (
                f"{replicas} replicas, batch {size} ({kind}):"
                f" {ran.examples_per_sec:,.0f} examples/s, efficiency"
                f" {efficiency:.0%}"
            )
            if efficiency < GOOD_EFFICIENCY:
                yield f"  cause: {cause(ran, cores=cores)}"


@verb
def main(argv: list[str]) -> int:
    """Prints how each number of devices does.

    Raises:
      UserError: a flag is wrong, or the trainer refused.
    """
    parser = Parser("python -m benchmarks.scale_check", __doc__ or "")
    parser.add_argument("--config", default="digits")
    parser.add_argument("--data_dir")
    parser.add_argument("--secs", type=float, default=30.0, help="of each run")
    parser.add_argument("--most", type=int, help="devices; all by default")
    asked, more = parser.parse_known_args(argv)
    flags = [f"--config={asked.config}", *more]
    if asked.data_dir:
        flags.append(f"--data_dir={asked.data_dir}")
    _, config = flags_lib.parse(flags)
    gpus = len(glob.glob("/dev/nvidia[0-9]*"))
    most = min(asked.most or 2**20, gpus or os.cpu_count() or 1)
    counts = [2**power for power in range(1, most.bit_length())]
    if most > 1 and most not in counts:
        counts.append(most)
    batch = config.global_batch_size
    for line in lines(flags, batch, counts, bool(gpus), asked.secs):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
