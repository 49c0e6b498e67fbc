"""The watchdog ends what hangs, and leaves alone what is merely slow."""

import subprocess
import sys
import threading

from tests import processes
from trainer.process import watchdog

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


def test_the_limit_follows_the_median_chunk(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    watched = watchdog.Watchdog(least_secs=60, first_secs=900)
    assert watched._limit_secs == 900
    for step in range(5):
        now[0] += 1
        watched.beat(step)
    assert watched._limit_secs == 60
    for step in range(20):
        now[0] += 10
        watched.beat(step)
    assert watched._limit_secs == 200


def test_a_run_that_ends_stops_the_watch():
    before = threading.active_count()
    with watchdog.Watchdog(least_secs=60, first_secs=60) as watched:
        watched.beat(1)
    assert threading.active_count() == before
