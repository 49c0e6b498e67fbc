"""Every second of a run has its place, restarts included."""

import json
import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import processes
from trainer.cluster.place import Cluster
from trainer.cluster.stragglers import Stragglers
from trainer.process import clock as clocks
from trainer.workdir import attempt
from trainer.workdir.folder import Workdir

SECS = st.floats(min_value=0.0, max_value=1e6)


@pytest.fixture
def workdir(tmp_path):
    return Workdir(os.fspath(tmp_path))


def test_a_first_attempt_has_lost_nothing(workdir):
    now, lost = attempt.begin(workdir, 100.0, None)
    assert (now.attempt, lost) == (1, {})
    stored = json.loads((workdir / "attempt.json").read_text())
    assert stored["exit_code"] is None


@given(saved=SECS, alive=SECS, down=SECS)
def test_what_a_kill_cost_adds_up(tmp_path_factory, saved, alive, down):
    workdir = Workdir(os.fspath(tmp_path_factory.mktemp("run")))
    attempt.begin(workdir, 0.0, None)
    now, lost = attempt.begin(
        workdir,
        saved + alive + down,
        saved or None,
        last_alive_unix_secs=saved + alive,
    )
    assert now.attempt == 2
    assert lost["redone"] == pytest.approx(alive, abs=1e-6)
    assert lost["downtime"] == pytest.approx(down, abs=1e-6)


@pytest.mark.parametrize(
    ("code", "category"), [(0, "paused"), (43, "paused"), (42, "downtime")]
)
def test_a_pause_is_its_users_and_no_downtime(workdir, code, category):
    first, _ = attempt.begin(workdir, 0.0, None)
    first.end(workdir, code, step=7)
    ended = json.loads((workdir / "attempt.json").read_text())
    assert (ended["exit_code"], ended["step"]) == (code, 7)
    _, lost = attempt.begin(workdir, ended["ended_unix_secs"] + 50.0, 10.0)
    assert lost[category] == pytest.approx(50.0)


def test_a_clock_that_was_set_back_costs_nothing(workdir):
    attempt.begin(workdir, 1000.0, None)
    _, lost = attempt.begin(workdir, 500.0, 1005.0, last_alive_unix_secs=1010.0)
    assert min(lost.values()) >= 0.0


def test_a_pause_is_not_held_against_the_job():
    secs = {"train": 90.0, "setup": 10.0, "paused": 1e6}
    assert clocks.share(secs) == pytest.approx(0.9)
    assert clocks.describe(secs).startswith("90.0 % of")


def test_the_clock_leaves_nothing_out():
    clock = clocks.Clock({"redone": 5.0, "train": 1.0})
    done = threading.Event()
    with clock.count_chunk():
        done.wait(0.02)
    with clock.count_chunk():
        done.wait(0.03)
    secs = clock.goodput()
    assert secs["compile"] >= 0.02
    assert secs["train"] >= 1.03
    assert secs["redone"] == 5.0
    assert sum(clock.secs.values()) <= sum(secs.values()) - 6.0


def test_a_straggler_is_named_once_an_episode():
    place = Cluster(("a:1", "b:1", "c:1"), 0)
    seen = Stragglers(place)
    slow, even = np.array([0.1, 0.1, 0.5]), np.array([0.3, 0.3, 0.3])
    lines = [line for _ in range(50) for line in seen.account(slow, 10)]
    (line,) = lines
    assert line.startswith("worker 2 (c:1) is a straggler: 50.0 ms")
    assert not [line for _ in range(50) for line in seen.account(even, 10)]
    assert [line for _ in range(50) for line in seen.account(slow, 10)]


def test_one_worker_is_no_straggler():
    assert Stragglers(Cluster()).account(np.zeros(0), 10) == []


@pytest.mark.slow
def test_own_work_is_timed_on_a_single_core_too(tmp_path):
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, [min(cores)])
    try:
        running = processes.start_cluster(
            *(2, "trainer.task", "--config=digits", "--config.steps=60"),
            *("--config.log.every_steps=20", "--config.log.report=false"),
            *("--config.model.hidden_units=2048,", f"--workdir={tmp_path}/run"),
        )
    finally:
        os.sched_setaffinity(0, cores)
    for process in running:
        code, output = processes.finish(process)
        assert code == 0, output
    lines = (tmp_path / "run" / "timing.jsonl").read_text().splitlines()
    last = [e for e in map(json.loads, lines) if e["split"] == "train"][-1]
    # Where the clock is read once the work is done, it is a ten-thousandth.
    assert 0.01 < last["worker_secs/0"] / last["step_secs"] < 1.0
