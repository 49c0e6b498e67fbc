"""TensorFlow's start, where several threads are at it."""

import os
import random
import sys
import threading
import types

import pytest

from tests import processes
from trainer.devices import start
from trainer.process.exits import UserError


@pytest.fixture
def here(monkeypatch):
    """A machine without a GPU, where nothing is set."""
    monkeypatch.setattr(start.glob, "glob", lambda _: [])
    for name in start._FLAG_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("error", "told"),
    [(UserError, ""), (KeyboardInterrupt, ""), (ValueError, "by C++\n")],
)
def test_what_cpp_tells_is_shown_where_it_may_be_needed(
    here, capfd, error, told
):
    with pytest.raises(error), start._quiet():
        os.write(2, b"by C++\n")
        raise error
    assert capfd.readouterr().err == told


def test_threads_at_once_keep_stderr(here, monkeypatch):
    # Whose import takes seconds.
    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    stderr, environment = os.fstat(2), dict(os.environ)
    entered, may_leave = threading.Event(), threading.Event()

    def first():
        with start.restored(), start.shared():
            entered.set()
            may_leave.wait(10)

    def second():
        with start.restored(), start.shared():
            may_leave.set()
            # Long enough for the first to leave, where it is not waited for.
            thread.join(0.2)

    thread = threading.Thread(target=first)
    other = threading.Thread(target=second)
    thread.start()
    entered.wait(10)
    other.start()
    other.join(0.1)
    may_leave.set()
    thread.join()
    other.join()
    assert os.path.samestat(os.fstat(2), stderr)
    assert dict(os.environ) == environment


def test_what_other_threads_set_and_draw_meanwhile_holds(monkeypatch):
    monkeypatch.setenv("ANOTHERS", "before")
    monkeypatch.delenv("ANOTHERS_NEW", raising=False)
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    with start.restored():
        monkeypatch.setenv("ANOTHERS", "now")
        monkeypatch.setenv("ANOTHERS_NEW", "now")
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
        random.random()
        drawn = random.getstate()
    assert os.environ["ANOTHERS"] == os.environ["ANOTHERS_NEW"] == "now"
    assert "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    assert random.getstate() == drawn


FIRST = """
import os, random, sys
os.environ.pop("TF_CPP_MIN_LOG_LEVEL")
import trainer
before = dict(os.environ), random.getstate()
trainer.fit("digits", steps=1, verbose=False, workdir=sys.argv[1])
assert "keras" in sys.modules and "rich.style" in sys.modules
assert (dict(os.environ), random.getstate()) == before
"""


@pytest.mark.slow
def test_a_first_call_leaves_the_process_as_it_was(tmp_path):
    started = processes.start_python("-c", FIRST, tmp_path)
    assert processes.finish(started) == (0, "")
