"""A warm process's children are as commands, and end with their maker."""

import os
import select
import signal
import subprocess
import sys

import pytest

from tests import processes
from tests.fork_server import ROOT
from trainer.launch.warm import Warm

MODULE = "tests.faults.told"
pytestmark = pytest.mark.slow  # it imports TensorFlow


@pytest.fixture(scope="module")
def warm():
    with Warm() as made:
        yield made


def test_a_child_is_told_what_a_command_is_told(warm, tmp_path):
    environment = {**os.environ, "STRATA_TOLD": "yes"}
    with open(tmp_path / "out", "wb") as out:
        both = {1: out.fileno(), 2: out.fileno()}
        child = warm.start([MODULE, "a b", "3"], both, environment=environment)
        assert child.wait(60) == 3
    command = processes.start_python("-m", MODULE, "a b", 3)
    expected, _ = command.communicate(60)
    expected = expected.replace("STRATA_TOLD None", "STRATA_TOLD yes")
    assert (tmp_path / "out").read_text() == expected


def waiting(warm, **how):
    """Starts a child that waits for a signal; returns it and its output."""
    reading, writing = os.pipe()
    child = warm.start([MODULE, "wait", "0"], {1: writing, 2: writing}, **how)
    os.close(writing)
    out = open(reading)  # noqa: SIM115
    while not (line := out.readline()).startswith("process "):
        assert line
    assert int(line.split()[1]) == child.pid
    return child, out


def test_a_signal_that_ends_it_is_its_code(warm):
    child, out = waiting(warm)
    with out:
        assert child.poll() is None
        child.send(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM
        child.send(signal.SIGTERM)  # which is too late, and no error


def test_a_child_has_the_cores_that_it_was_given(warm):
    cores = sorted(os.sched_getaffinity(0))[:1]
    child, out = waiting(warm, cores=cores)
    with out:
        assert sorted(os.sched_getaffinity(child.pid)) == cores
        child.send(signal.SIGKILL)
        assert child.wait(60) == -signal.SIGKILL


SCRIPT = f"""
import signal
from trainer.launch.warm import Warm
child = Warm().start(["{MODULE}", "wait", "0"], {{1: 1, 2: 2}})
signal.pause()
"""


def test_children_die_with_the_maker_of_their_process():
    maker = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    with maker.stdout as out:
        while not (line := out.readline()).startswith("process "):
            assert line
    watched = os.pidfd_open(int(line.split()[1]))
    maker.kill()
    assert select.select([watched], [], [], 60)[0]
    os.close(watched)
    maker.wait()


def test_a_killed_warm_process_is_its_childrens_end(warm):
    own = Warm()
    child, out = waiting(own)
    with out:
        own._process.kill()
        assert child.wait(60) == -signal.SIGKILL
    own._process.wait()
    with pytest.raises(OSError, match=r"."):
        own.start([MODULE, "wait", "0"], {})
    own.close()
