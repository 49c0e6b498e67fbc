"""A real sweep whose processes are killed ends as one that nobody touched.

STRATA_SWEEP_KILLS=30 has it killed so often.
"""

import json
import os
import random
import signal
import subprocess
import time

import pytest

from tests import processes
from tests.launch.sweep.test_main import outcome_of
from tests.launch.sweep.test_main import QUICK
from trainer.finished import stored_run

KILLS = int(os.environ.get("STRATA_SWEEP_KILLS", "3"))
TRIALS = 4
WORDS = ("--config.epochs=60", "--config.checkpoint.every_steps=10")


def start(folder):
    return processes.start_python(
        *("-m", "trainer", "sweep", *QUICK, *WORDS),
        f"--trials={TRIALS}",
        f"--workdir={folder}",
    )


def told(folder):
    """Returns what each trial chose, came to and wrote."""
    found = []
    for number in range(TRIALS):
        trial = folder / f"trials/{number:04d}"
        run = stored_run.read(trial)
        found.append(
            (
                (trial / "metrics.jsonl").read_text(),
                run.result["weights_sha256"],
                run.result["evaluation"],
                run.changed,
            )
        )
    outcome = outcome_of(folder)
    return found, outcome["trial"], outcome["test"], outcome["fields"]


def kill(process, chance):
    """Kills all of it, the sweep alone, or what it started alone."""
    how = chance.choice(["all", "sweep", "warm"])
    if how == "all":
        processes.kill_all(process)
    elif how == "sweep":
        process.kill()
    else:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            for pid in file.read().split():
                os.kill(int(pid), signal.SIGKILL)
    output, _ = process.communicate(timeout=600)
    return how, output


@pytest.mark.slow
def test_a_sweep_that_is_killed_ends_as_one_that_nobody_touched(tmp_path):
    began = time.monotonic()
    code, output = processes.finish(start(tmp_path / "whole"))
    assert code == 0, output
    most_secs = time.monotonic() - began
    chance = random.Random(0)
    kills, starts = 0, 0
    while True:
        process = start(tmp_path / "cut")
        starts += 1
        try:
            is_over = kills >= KILLS
            secs = 600.0 if is_over else chance.uniform(0.0, most_secs)
            output, _ = process.communicate(timeout=secs)
            assert process.returncode == 0, output
            break
        except subprocess.TimeoutExpired:
            kills += 1
            how, output = kill(process, chance)
            print(f"kill {kills} of {how}: {process.returncode}", flush=True)
            if process.returncode == 0:  # there was nothing to kill yet
                break
    print(json.dumps({"kills": kills, "starts": starts}))
    assert told(tmp_path / "cut") == told(tmp_path / "whole")
