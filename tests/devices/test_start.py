"""TensorFlow's start, where several threads are at it."""

import os
import sys
import threading
import types

import pytest

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
