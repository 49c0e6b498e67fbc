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
from trainer.process import facts
from trainer.process import moments
from trainer.process.moments import Moment
from trainer.workdir import attempt
from trainer.workdir.folder import Workdir

SECS = st.floats(min_value=0.0, max_value=1e6)


@pytest.fixture
def workdir(tmp_path):
    return Workdir(os.fspath(tmp_path))


def at(secs, step_secs=0.0, boot="b"):
    """Returns a moment, at which the wall clock is off by so much."""
    return Moment(1e9 + secs + step_secs, 50.0 + secs, boot)


def test_a_first_attempt_has_lost_nothing(workdir):
    now, lost = attempt.begin(workdir, at(100.0), None)
    assert (now.attempt, lost) == (1, {})
    stored = json.loads((workdir / "attempt.json").read_text())
    assert stored["exit_code"] is None


@given(saved=SECS, alive=SECS, down=SECS)
def test_what_a_kill_cost_adds_up(tmp_path_factory, saved, alive, down):
    workdir = Workdir(os.fspath(tmp_path_factory.mktemp("run")))
    attempt.begin(workdir, at(0.0), None)
    now, lost = attempt.begin(
        workdir,
        at(saved + alive + down),
        at(saved) if saved else None,
        last_alive=Moment(at(saved + alive).unix_secs),
    )
    assert now.attempt == 2
    assert lost["redone"] == pytest.approx(alive, abs=1e-6)
    assert lost["downtime"] == pytest.approx(down, abs=1e-6)


@pytest.mark.parametrize(
    ("code", "category"), [(0, "paused"), (43, "paused"), (42, "downtime")]
)
def test_a_pause_is_its_users_and_no_downtime(workdir, code, category):
    first, _ = attempt.begin(workdir, moments.now(), None)
    first.end(workdir, code, step=7)
    ended = json.loads((workdir / "attempt.json").read_text())
    assert (ended["exit_code"], ended["step"]) == (code, 7)
    later = attempt.moment_of(ended, "ended").before(-50.0)
    _, lost = attempt.begin(workdir, later, later.before(50.0))
    assert lost[category] == pytest.approx(50.0)


def test_no_step_of_a_start_that_left_at_its_checkpoint_is_taken_again(
    workdir,
):
    """As a final score and a page take seconds after it."""
    first, _ = attempt.begin(workdir, moments.now(), None)
    first.end(workdir, 42, step=7)
    now = moments.now().before(-50.0)
    saved = moments.now().before(20.0)
    _, lost = attempt.begin(workdir, now, saved, step=7)
    assert lost["redone"] == 0.0
    assert lost["downtime"] == pytest.approx(70.0, abs=1.0)
    # One that went on from an older checkpoint does take them again.
    first.end(workdir, 42, step=7)
    _, lost = attempt.begin(workdir, now, saved, step=5)
    assert lost["redone"] == pytest.approx(20.0, abs=1.0)


STEPS_SECS = (-4e8, -7200.0, 0.0, 7200.0)


@pytest.mark.parametrize("step_secs", STEPS_SECS)
@pytest.mark.parametrize("when", ["running", "down"])
def test_a_step_of_the_wall_clock_is_no_time(workdir, step_secs, when):
    """Saved at 100 s, killed at 110, started again at 115."""
    attempt.begin(workdir, at(0.0), None)
    alive_step = step_secs if when == "running" else 0.0
    _, lost = attempt.begin(
        workdir,
        at(115.0, step_secs),
        at(100.0),
        last_alive=Moment(at(110.0, alive_step).unix_secs),
    )
    assert sum(lost.values()) == pytest.approx(15.0)
    assert min(lost.values()) >= 0.0


@pytest.mark.parametrize("step_secs", STEPS_SECS)
def test_on_another_boot_the_wall_clock_alone_says(workdir, step_secs):
    attempt.begin(workdir, at(0.0), None)
    now = at(115.0, step_secs, boot="another")
    _, lost = attempt.begin(workdir, now, at(100.0))
    expected = max(0.0, 15.0 + step_secs)
    assert sum(lost.values()) == pytest.approx(expected)


def test_of_two_clocks_the_smaller_says_that_is_not_behind():
    assert at(10.0, -7200.0).since(at(0.0)) == 10.0
    assert at(10.0, 7200.0).since(at(0.0)) == 10.0
    # As in a container whose own clock of its boot was moved.
    assert Moment(10.0, 1e9, "b").since(Moment(0.0, 0.0, "b")) == 10.0
    assert Moment(10.0, None, None).since(Moment(20.0, 0.0, "b")) == 0.0
    assert moments.now().since(moments.now().before(3.0)) == pytest.approx(
        3.0, abs=0.5
    )


def test_no_duration_reads_the_wall_clock(monkeypatch):
    """In a process, however its clock is set."""
    clock = clocks.Clock({})
    monkeypatch.setattr(clocks.time, "time", lambda: -4e8)
    with clock.count("train"):
        pass
    assert 0.0 <= sum(clock.goodput().values()) - clock.setup_secs < 60.0
    assert 0.0 < facts.process_age_secs() < 1e6


def test_what_a_process_slept_through_is_paused():
    awake, everything = [0.0], [1000.0]
    clock = clocks.Clock({}, lambda: awake[0], lambda: everything[0])

    def pass_time(secs, slept_secs=0.0):
        awake[0] += secs
        everything[0] += secs + slept_secs

    pass_time(1.0)
    with clock.count_chunk():
        pass_time(2.0)
    with clock.count_chunk():
        pass_time(3.0, slept_secs=28800.0)
    clock.end_epoch()
    secs = clock.goodput()
    assert {n: secs[n] for n in ("compile", "train", "other", "paused")} == {
        "compile": 2.0,
        "train": 3.0,
        "other": 1.0,
        "paused": 28800.0,
    }
    assert clock.epoch_secs == [6.0]
    assert clocks.worked(secs) == pytest.approx(6.0 + clock.setup_secs)


def test_a_pause_is_not_held_against_the_job():
    secs = {"train": 90.0, "setup": 10.0, "paused": 1e6}
    assert clocks.share(secs) == pytest.approx(0.9)
    assert clocks.described(secs) == "1000100.0 s, 90.0 % in training"


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
