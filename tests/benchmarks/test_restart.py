"""From what a job prints to the times of its steps."""

import io
import os

import pytest

from benchmarks.restart import family
from benchmarks.restart import memory_bytes
from benchmarks.restart import step_times

PRINTED = """\
[0] {"unix_secs": 1.0, "message": "data: mnist"}
the warm process is gone: another is made
[1] {"unix_secs": 2.0, "step": 10}
[0] {"unix_secs": 3.5, "step": 10, "split": "train"}
"""


def test_steps_are_the_chiefs():
    times = step_times(io.StringIO(PRINTED))
    assert next(times) == 3.5
    with pytest.raises(RuntimeError, match="ended"):
        next(times)


def test_memory_is_that_of_all_its_processes():
    own = memory_bytes([os.getpid()])
    assert own > 2**20
    assert family(os.getpid())[0] == os.getpid()
