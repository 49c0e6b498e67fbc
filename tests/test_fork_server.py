"""A run of the fork server is a process of its own."""

import os
import select
import signal
import subprocess

import pytest

from tests import forked
from tests import processes

MODULE = "tests.faults.told"


def test_it_is_told_what_a_command_is_told():
    environment = {**os.environ, "STRATA_TOLD": "yes"}
    told = forked.start(MODULE, "a b", 3, environment=environment)
    command = processes.start_python("-m", MODULE, "a b", 3)
    output, _ = told.communicate(60)
    expected, _ = command.communicate(60)
    assert output == expected.replace("STRATA_TOLD None", "STRATA_TOLD yes")
    assert (told.wait(60), command.returncode) == (3, 3)


def test_a_signal_that_ends_it_is_its_code(tmp_path):
    with open(tmp_path / "out.txt", "wb") as file:
        run = forked.start(
            MODULE, "wait", 0, environment=os.environ, stdout=file
        )
    assert run.stdout is None
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.01)
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == -signal.SIGTERM
    run.kill()


def start_stand_in(*arguments, **more):
    """Starts `tests.forked.python`, as a launcher does."""
    return processes.start_python(
        "-m", MODULE, *arguments, python=forked.python(), **more
    )


def test_a_stand_in_is_told_what_a_command_is_told():
    real = processes.start_python("-m", MODULE, "a b", 3)
    told = start_stand_in("a b", 3)
    assert processes.finish(told) == processes.finish(real)
    assert told.returncode == 3


def waiting():
    """Starts a stand-in; returns it and its run, which waits for a signal."""
    process = start_stand_in("wait", 0)
    while not (line := process.stdout.readline()).startswith("process "):
        assert line
    return process, int(line.split()[1])


def test_a_stand_in_passes_on_a_signal_and_ends_by_it():
    process, run = waiting()
    assert run != process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == -signal.SIGTERM
    process.stdout.close()


def test_a_run_dies_with_its_stand_in():
    process, run = waiting()
    watched = os.pidfd_open(run)
    process.kill()
    assert select.select([watched], [], [], 60)[0]
    os.close(watched)
    process.wait()
    process.stdout.close()


def test_a_stand_in_is_the_python_of_what_it_starts():
    script = "import sys; print(sys.executable, sys.prefix != sys.base_prefix)"
    process = processes.start_python("-c", script, python=forked.python())
    assert processes.finish(process) == (0, f"{forked.python()} True\n")
