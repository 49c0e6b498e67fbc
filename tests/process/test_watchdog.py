"""The watchdog ends what hangs, and leaves alone what is merely slow."""

import functools
import os
import subprocess
import sys
import threading

import pytest

from tests import processes
from trainer.process.awake import ServedClock
from trainer.process.watchdog import Watchdog

# Blocked in a native call that no signal handler of Python interrupts.
HANGS = """
import ctypes
from trainer.process.watchdog import Watchdog
with Watchdog(least_secs=0.2, first_secs=0.2) as watched:
    watched.beat(7)
    ctypes.CDLL(None).pause()
"""


def test_a_process_that_hangs_leaves_with_75_and_its_stacks():
    done = subprocess.run(
        [sys.executable, "-c", HANGS],
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 75
    assert "after step 7" in done.stderr
    assert 'File "<string>", line 6' in done.stderr


class Hands:
    """A clock that is moved by hand, with the watchdog that reads it."""

    def __init__(self):
        self.now = 0.0
        self.clock = ServedClock(lambda: self.now, lambda: 0.0)
        self.watched = Watchdog(least_secs=60, first_secs=900, clock=self.clock)

    def work(self, secs):
        """Passes time as a process does that is awake."""
        for _ in range(secs):
            self.sleep(1)

    def sleep(self, secs):
        """Passes time in which the process does not run."""
        self.now += secs
        self.clock.tick()


def test_the_limit_follows_the_median_chunk():
    hands = Hands()
    assert hands.watched._limit_secs == 900
    for step in range(5):
        hands.work(1)
        hands.watched.beat(step)
    assert hands.watched._limit_secs == 60
    for step in range(20):
        hands.work(10)
        hands.watched.beat(step)
    assert hands.watched._limit_secs == 200


def test_other_chunks_have_a_limit_of_their_own():
    """As those of a scoring have, that are larger than training's."""
    hands = Hands()
    hands.work(1)
    hands.watched.beat(1)
    # The first one is compiled.
    with hands.watched.chunks("test") as end_chunk:
        hands.work(800)
        assert not hands.watched.is_overdue()
        end_chunk()
        for _ in range(3):
            hands.work(10)
            end_chunk()
    hands.work(61)
    assert hands.watched.is_overdue()
    hands.watched.beat(2)
    with hands.watched.chunks("test"):
        hands.work(190)
        assert not hands.watched.is_overdue()
        with hands.watched.patience():
            pass
        hands.work(201)
        assert hands.watched.is_overdue()


def test_what_a_process_slept_through_is_not_held_against_it():
    hands = Hands()
    hands.work(1)
    hands.watched.beat(1)
    hands.work(30)
    for _ in range(5):
        hands.sleep(8 * 3600)
    assert not hands.watched.is_overdue()
    hands.work(60)
    assert hands.watched.is_overdue()


def test_a_sleep_makes_no_chunk_longer():
    hands = Hands()
    for step in range(3):
        hands.sleep(1000)
        hands.watched.beat(step)
    assert hands.watched._limit_secs == 60


def test_a_run_that_ends_stops_the_watch():
    before = threading.active_count()
    with Watchdog(least_secs=60, first_secs=60) as watched:
        watched.beat(1)
    assert threading.active_count() == before


def test_what_other_work_took_does_not_count():
    """As under `nice` on a machine that is busy: ready, without a core."""
    now = queued = 0.0
    clock = ServedClock(lambda: now, lambda: queued)
    watched = Watchdog(least_secs=60, first_secs=60, clock=clock)
    for _ in range(100):
        now += 1.0
        queued += 0.9
        clock.tick()
    assert clock.served_secs() == pytest.approx(10)
    # How long it took is another question.
    assert clock.secs() == 100
    # Two threads that wait for one another on one core hang all the same.
    for _ in range(1000):
        now += 1.0
        queued += 2.0
        clock.tick()
    assert watched.is_overdue()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone counts it")
def test_a_process_that_gets_no_core_knows_it():
    spin = "while True: pass"
    core = {min(os.sched_getaffinity(0))}
    script = (
        "import os, time; from trainer.process.awake import queued_secs\n"
        "os.nice(10)\n"
        "began = time.monotonic()\n"
        "while queued_secs() < 0.5 and time.monotonic() < began + 60: pass\n"
        "print(queued_secs() >= 0.5)"
    )
    others = subprocess.Popen(
        [sys.executable, "-c", spin],
        preexec_fn=functools.partial(os.sched_setaffinity, 0, core),
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=processes.ROOT,
            capture_output=True,
            text=True,
            preexec_fn=functools.partial(os.sched_setaffinity, 0, core),
        )
    finally:
        others.kill()
        others.wait()
    assert done.stdout == "True\n", done.stderr
