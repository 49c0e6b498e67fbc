"""What a maker's death does to a process."""

import os
import select
import signal
import sys

import pytest

from trainer.process.parent import die_with_parent


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_ends_with_the_one_that_made_it(number):
    reading, writing = os.pipe()
    maker = os.fork()
    if maker == 0:
        if os.fork() == 0:
            signal.alarm(30)  # were it not to end
            die_with_parent(number)
            os.write(writing, b"ready")
            signal.pause()
        signal.pause()
    os.close(writing)
    assert os.read(reading, 5) == b"ready"
    os.kill(maker, signal.SIGKILL)
    os.waitpid(maker, 0)
    # Nobody holds the pipe any more once the other has ended, too.
    assert select.select([reading], [], [], 10)[0]
    assert os.read(reading, 1) == b""
    os.close(reading)
