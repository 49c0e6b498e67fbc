"""A run of the fork server is a process of its own."""

import os
import select
import signal
import subprocess
import sys

import pytest

from tests import forked
from tests import processes
from tests.fork_server import ROOT

MODULE = "tests.faults.told"


def test_it_is_told_what_a_command_is_told():
    environment = {**os.environ, "STRATA_TOLD": "yes"}
    del environment["PATH"]
    told = forked.start(MODULE, "a b", 3, environment=environment)
    command = processes.start_python("-m", MODULE, "a b", 3)
    output, _ = told.communicate(60)
    expected, _ = command.communicate(60)
    expected = expected.replace("STRATA_TOLD None", "STRATA_TOLD yes")
    assert output == expected.replace(f"PATH {os.environ['PATH']}", "PATH None")
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


def test_a_stand_in_is_told_what_a_command_is_told(tmp_path):
    def run(python):
        return subprocess.run(
            [python, "-m", MODULE, "a b", "3"],
            cwd=tmp_path,
            env={**os.environ, "STRATA_TOLD": "yes", "PYTHONPATH": ROOT},
            input="asked",
            text=True,
            capture_output=True,
            timeout=60,
        )

    real, told = run(sys.executable), run(forked.python())
    assert (told.stdout, told.stderr) == (real.stdout, real.stderr)
    assert told.returncode == real.returncode == 3
    assert "asked" in told.stderr


def waiting():
    """Starts a stand-in; returns it and its run, which waits for a signal."""
    python = forked.python()
    process = processes.start_python("-m", MODULE, "wait", 0, python=python)
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
