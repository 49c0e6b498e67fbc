"""Goodput of a run whose trainer is killed again and again.

  python -m benchmarks.goodput --data_dir=DIR [--every_secs=60] [--kills=5]
    [--spare]

The MNIST recipe, prolonged, under `strata launch local`, with a checkpoint
every two seconds. From what a kill is seen to cost, goodput at rarer ones is
modelled.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from trainer.process import clock
from trainer.workdir import checkpoints

CHECKPOINT_SECS = 2
MODELLED_MINUTES = (1, 10, 60)
STARTING = ("setup", "compile", "redone", "downtime")


def kill_trainer(workdir: pathlib.Path) -> None:
    """Kills the process that holds a workdir."""
    holder = json.loads((workdir / ".lock").read_text())
    os.kill(holder["process"], signal.SIGKILL)


def run(
    workdir: pathlib.Path, every_secs: float, kills: int, flags: list[str]
) -> dict[str, float]:
    """Runs a job that is killed so often; returns its seconds by category.

    Args:
      workdir: of the run.
      every_secs: between two kills.
      kills: in all.
      flags: of the launcher, "--" and the trainer's.
    """
    command = [sys.executable, "-m", "trainer", "launch", "local", *flags]
    job = subprocess.Popen([*command, f"--workdir={workdir}"])
    try:
        for _ in range(kills):
            time.sleep(every_secs)
            kill_trainer(workdir)
        time.sleep(every_secs)
        (workdir / "STOP").touch()
        job.wait(60)
    finally:
        job.kill()
        job.wait()
    *_, newest = checkpoints.steps_in(workdir / "checkpoints")
    path = checkpoints.path_of(workdir / "checkpoints", newest)
    return json.loads((path / "state.json").read_text())["goodput"]


def main() -> None:
    """Prints where the time went, and the goodput at other rates of kills."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", help="of MNIST's four files")
    parser.add_argument("--every_secs", type=float, default=60.0)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--spare", action="store_true", help="the launcher's")
    arguments = parser.parse_args()
    flags = [
        *(["--spare"] if arguments.spare else []),
        "--",
        "--config=mnist",
        "--config.epochs=100000",
        f"--config.checkpoint.every_secs={CHECKPOINT_SECS}",
    ]
    if arguments.data_dir:
        flags.append(f"--data_dir={arguments.data_dir}")
    with tempfile.TemporaryDirectory() as name:
        secs = run(
            pathlib.Path(name) / "run",
            arguments.every_secs,
            arguments.kills,
            flags,
        )
    print(f"measured, a kill every {arguments.every_secs:.0f} s:")
    print(f"{clock.described(secs)}: {clock.listed(secs)}")
    # A start costs what is neither training nor spent at a steady rate.
    starts = arguments.kills + 1
    begin_secs = sum(secs.get(name, 0.0) for name in STARTING) / starts
    steady_secs = sum(secs.values()) - begin_secs * starts
    rate = secs[clock.USEFUL] / steady_secs
    for minutes in MODELLED_MINUTES:
        share = rate * (1 - begin_secs / (60 * minutes))
        print(f"modelled, a kill every {minutes} min: {100 * share:.1f} %")


if __name__ == "__main__":
    main()
