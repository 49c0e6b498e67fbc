"""A run of the fork server is a process of its own."""

import os
import signal
import subprocess

import pytest

from tests import fork_server
from tests import processes

MODULE = "tests.faults.told"


def test_it_is_told_what_a_command_is_told():
    environment = {**os.environ, "STRATA_TOLD": "yes"}
    told = fork_server.start(MODULE, "a b", 3, environment=environment)
    command = processes.start_python("-m", MODULE, "a b", 3)
    output, _ = told.communicate(60)
    expected, _ = command.communicate(60)
    assert output == expected.replace("STRATA_TOLD None", "STRATA_TOLD yes")
    assert (told.wait(60), command.returncode) == (3, 3)


def test_a_signal_that_ends_it_is_its_code(tmp_path):
    with open(tmp_path / "out.txt", "wb") as file:
        run = fork_server.start(
            MODULE, "wait", 0, environment=os.environ, stdout=file
        )
    assert run.stdout is None
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.01)
    assert run.poll() is None
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == -signal.SIGTERM
    run.kill()
