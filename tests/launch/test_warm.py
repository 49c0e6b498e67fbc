"""A warm process's children are as commands, and end with their maker."""

import os
import select
import signal
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest

from tests import processes
from tests.fork_server import ROOT
from trainer.launch import warm as warm_module
from trainer.launch.warm import Child
from trainer.launch.warm import Warm

MODULE = "tests.faults.told"
imports = pytest.mark.slow  # TensorFlow, in a process of its own


@pytest.fixture(scope="module")
def warm():
    with closing(Warm()) as made:
        yield made


@imports
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
    while not child.pid:  # the child was quicker
        child.wait(0.01)
    assert int(line.split()[1]) == child.pid
    return child, out


@pytest.mark.parametrize("told", [b"7\n", b"7\n3\n"])
def test_what_another_thread_heard_is_not_waited_for(told, monkeypatch):
    reading, writing = os.pipe()
    warm: Any = None
    child = Child(reading, warm)
    real = select.select
    heard = []

    def second(*words):
        found = real(*words)
        if not heard:
            heard.append(True)
            assert child.poll() == (3 if told.endswith(b"3\n") else None)
        return found

    os.write(writing, told)
    monkeypatch.setattr(select, "select", second)
    child.wait(0.05)
    assert child.pid == 7
    os.close(writing)


@imports
def test_a_signal_that_ends_it_is_its_code(warm):
    child, out = waiting(warm)
    with out:
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM
        child.send_signal(signal.SIGTERM)  # which is too late, and no error


@imports
def test_a_child_has_the_cores_that_it_was_given(warm):
    cores = sorted(os.sched_getaffinity(0))[:1]
    child, out = waiting(warm, cores=cores)
    with out:
        assert sorted(os.sched_getaffinity(child.pid)) == cores
        child.send_signal(signal.SIGKILL)
        assert child.wait(60) == -signal.SIGKILL


@imports
def test_what_is_sent_before_it_is_forked_reaches_it():
    with closing(Warm()) as own:  # which still imports
        child = own.start([MODULE, "wait", "0"], {1: 1, 2: 2})
        assert child.pid == 0
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == -signal.SIGTERM
        assert child.pid


HELD = """
import signal
import sys
from trainer.launch import warm_process
warm_process.import_trainer = lambda: None
def become(words, environment):
    print("forked", flush=True)
    signal.pause()
warm_process.become = become
warm_process.main(int(sys.argv[1]))
"""


def test_ctrl_c_ends_one_that_is_no_command_yet_without_a_word(monkeypatch):
    held = [sys.executable, "-c", HELD]
    monkeypatch.setattr(warm_module, "module_command", lambda _: held)
    reading, writing = os.pipe()
    with closing(Warm()) as own, open(reading) as out:
        child = own.start([MODULE, "wait", "0"], {1: writing, 2: writing})
        os.close(writing)
        assert out.readline() == "forked\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == -signal.SIGINT
        assert out.read() == ""


@imports
def test_an_order_of_many_variables_is_heard_whole(warm, tmp_path):
    environment = {**os.environ, "STRATA_TOLD": "x" * 100_000}
    environment |= {f"LONG_{i}": "y" * 100_000 for i in range(5)}
    with open(tmp_path / "out", "wb") as out:
        both = {1: out.fileno(), 2: out.fileno()}
        child = warm.start([MODULE, "a", "3"], both, environment=environment)
        assert child.wait(60) == 3
    assert "x" * 100_000 in (tmp_path / "out").read_text()


def test_one_that_is_not_forked_can_be_killed():
    with closing(Warm()) as own:
        own._process.send_signal(signal.SIGSTOP)
        child = own.start([MODULE, "wait", "0"], {1: 1, 2: 2})
        child.send_signal(signal.SIGTERM)
        assert child.wait(0.0) is None
        child.send_signal(signal.SIGKILL)
        assert child.wait(60) == -signal.SIGKILL


SCRIPT = f"""
import signal
from trainer.launch.warm import Warm
child = Warm().start(["{MODULE}", "wait", "0"], {{1: 1, 2: 2}})
signal.pause()
"""


@imports
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


@imports
def test_a_killed_warm_process_is_its_childrens_end(warm):
    own = Warm()
    child, out = waiting(own)
    with out:
        watched = os.pidfd_open(child.pid)
        own._process.kill()
        assert child.wait(60) == -signal.SIGKILL
        assert select.select([watched], [], [], 5)[0]
        os.close(watched)
    own._process.wait()
    with pytest.raises(OSError, match=r"."):
        own.start([MODULE, "wait", "0"], {})
    own.close()
