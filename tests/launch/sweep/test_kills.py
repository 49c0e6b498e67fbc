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
from tests.faults import jobs
from tests.launch.sweep.test_main import begun
from tests.launch.sweep.test_main import outcome_of
from tests.launch.sweep.test_main import QUICK
from trainer.finished import stored_run
from trainer.process.exits import STOPPED_BY_USER

KILLS = int(os.environ.get("STRATA_SWEEP_KILLS", "3"))
TRIALS = 4
WORDS = ("--config.epochs=60", "--config.checkpoint.every_steps=10")


def start(folder, *more):
    return processes.start_python(
        *("-m", "trainer", "sweep", *QUICK, *WORDS, *more),
        f"--trials={TRIALS}",
        f"--workdir={folder}",
    )


def written(trial):
    """Returns what a run chose, came to and wrote."""
    run = stored_run.read(trial)
    return (
        (trial / "metrics.jsonl").read_text(),
        run.result["weights_sha256"],
        run.result["evaluation"],
        run.changed,
    )


def told(folder):
    """Returns what each trial was, and how the sweep ended."""
    found = [written(folder / f"trials/{n:04d}") for n in range(TRIALS)]
    outcome = outcome_of(folder)
    return found, outcome["trial"], outcome["test"], outcome["fields"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep that nobody touched; its folder, and the seconds it took."""
    folder = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    code, output = processes.finish(start(folder))
    assert code == 0, output
    return folder, time.monotonic() - began


def kill(process, chance):
    """Kills all of it, the sweep alone, or what it started alone."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        started = [int(pid) for pid in file.read().split()]
    how = chance.choice(["all", "sweep", *(["warm"] if started else [])])
    if how == "all":
        processes.kill_all(process)
    elif how == "sweep":
        process.kill()
    else:
        for pid in started:
            os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=600)
    return how


@pytest.mark.slow
def test_a_trial_is_to_the_bit_what_its_command_alone_is(whole, tmp_path):
    """Its own command, in a process that no other run was forked from."""
    trial = whole[0] / f"trials/{TRIALS - 1:04d}"
    _, *words = stored_run.read(trial).record["command"]
    assert words[:2] == ["-m", "trainer.task"]
    alone = tmp_path / "alone"
    code, output = processes.finish(
        processes.start_python(*words, f"--workdir={alone}")
    )
    assert code == 0, output
    assert written(alone) == written(trial)


@pytest.mark.slow
def test_a_sweep_that_is_killed_ends_as_one_that_nobody_touched(
    whole, tmp_path
):
    expected = told(whole[0])
    most_secs = whole[1]
    chance = random.Random(0)
    kills = sweeps = 0
    while kills < KILLS:
        folder = tmp_path / f"cut_{sweeps}"
        sweeps += 1
        is_over = False
        while not is_over:
            process = start(folder)
            secs = chance.uniform(0.0, most_secs) if kills < KILLS else 600.0
            try:
                output, _ = process.communicate(timeout=secs)
                is_over = True
            except subprocess.TimeoutExpired:
                how = kill(process, chance)
                is_over = process.returncode == 0
                kills += not is_over
                print(f"{kills}: {how}, {process.returncode}", flush=True)
        assert process.returncode == 0, output
        assert told(folder) == expected
    print(f"{kills} kills of {sweeps} sweeps", flush=True)


@pytest.mark.slow
def test_ctrl_c_stops_all_with_checkpoints(tmp_path):
    # Both go on for as long as they are let, however late one begins.
    endless = ("--config.epochs=100000", "--config.evaluation.patience=none")
    process = start(tmp_path, "--parallel=2", *endless)
    jobs.wait_for("two trials", lambda: begun(tmp_path) > 1, 600)
    process.send_signal(signal.SIGINT)
    code, output = processes.finish(process)
    assert code == STOPPED_BY_USER, output
    assert "stopped: 2 running of 4; the same command goes on" in output
    for number in range(2):
        attempt = tmp_path / f"trials/{number:04d}/attempt.json"
        assert json.loads(attempt.read_text())["exit_code"] == STOPPED_BY_USER
