"""Signs of life, by a pipe that a supervisor hands to a process."""

import os

from trainer.process import heartbeat
from trainer.process.heartbeat import HEARTBEAT_FD


def test_what_a_process_starts_knows_of_no_pipe():
    """It would write into whatever file has that number there."""
    listening, beating = os.pipe()
    environment = {HEARTBEAT_FD: str(beating), "PATH": "/bin"}
    heartbeat.start(environment)
    assert os.read(listening, 1) == b"."
    os.close(listening)  # which ends it
    assert environment == {"PATH": "/bin"}
