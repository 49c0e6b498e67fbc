"""Who may write a local workdir: one, on this machine or another."""

import errno
import fcntl
import functools
import json
import os
import queue
import threading

import pytest

from tests import processes
from trainer.process.awake import AwakeClock
from trainer.process.exits import UserError
from trainer.workdir import lease
from trainer.workdir.folder import Workdir
from trainer.workdir.lock_file import LockFile


def test_one_holder_at_a_time(tmp_path):
    there = Workdir(os.fspath(tmp_path / "run"))
    with there.lock():
        with pytest.raises(UserError, match=rf"by process {os.getpid()} of"):
            there.check_unlocked()
        with pytest.raises(UserError, match="in use"), there.lock():
            pytest.fail("held twice")
    there.check_unlocked()
    with there.lock():
        holder = json.loads((there / ".lock").read_text())
        assert holder["process"] == os.getpid()


@pytest.mark.parametrize("other", [{"boot": "before"}, {"host": "elsewhere"}])
def test_a_lock_tells_of_this_boot_of_this_machine_alone(other, tmp_path):
    store = LockFile(tmp_path)
    with store.opened():
        store.take(None)
        assert store.is_gone(store.holder())
        assert not store.is_gone(store.holder() | other)


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def flock(file, kind):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(LockFile, "renew_secs", 0.05)
    there = Workdir(os.fspath(tmp_path / "run"))
    with there.lock():
        living = {**json.loads((there / ".lock").read_text()), "process": 1}
    (there / ".lock").write_text(json.dumps(living))
    done = threading.Event()
    other = threading.Thread(target=beat, args=(there / ".lock", done))
    other.start()
    with pytest.raises(UserError, match="in use by process 1 "), there.lock():
        pytest.fail("held twice")
    done.set()
    other.join()
    ended = processes.start_python("-c", "")
    ended.communicate(60)
    dead = {**living, "process": ended.pid}
    (there / ".lock").write_text(json.dumps(dead))
    monkeypatch.setattr(LockFile, "expiry_secs", 1e9)
    with there.lock():
        assert json.loads((there / ".lock").read_text()) != dead


def beat(lock, done):
    while not done.wait(0.05):
        os.utime(lock)


def take_elsewhere(there, monkeypatch):
    """Leaves the lock as a process of another machine does, unlocked here."""
    monkeypatch.setattr(LockFile, "expiry_secs", 1.0)
    monkeypatch.setattr(LockFile, "poll_secs", 0.01)
    there.path.mkdir()
    lock = there / ".lock"
    lock.write_text(json.dumps({"process": 7, "host": "elsewhere"}))
    return lock


def test_another_machines_holder_that_beats_is_left_alone(
    tmp_path, monkeypatch
):
    there = Workdir(os.fspath(tmp_path / "run"))
    lock, done = take_elsewhere(there, monkeypatch), threading.Event()

    thread = threading.Thread(target=beat, args=(lock, done))
    thread.start()
    try:
        with (
            pytest.raises(UserError, match="process 7 of elsewhere"),
            there.lock(),
        ):
            pytest.fail("held twice")
    finally:
        done.set()
        thread.join()


def test_what_the_watcher_slept_through_is_no_silence(tmp_path, monkeypatch):
    """As two containers of one laptop, whose lid was shut."""
    there = Workdir(os.fspath(tmp_path / "run"))
    take_elsewhere(there, monkeypatch)
    now, signs = [0.0], iter([7.0, 7.0, 8.0])

    def look(self):
        now[0] += 3600.0
        return next(signs)

    clock = functools.partial(AwakeClock, lambda: now[0])
    monkeypatch.setattr(LockFile, "expiry_secs", 8.0)
    monkeypatch.setattr(lease, "AwakeClock", clock)
    monkeypatch.setattr(LockFile, "sign", look)
    with pytest.raises(UserError, match="process 7 of"), there.lock():
        pytest.fail("taken from one that is alive")


def test_another_machines_dead_holder_is_followed(tmp_path, monkeypatch):
    there = Workdir(os.fspath(tmp_path / "run"))
    lock = take_elsewhere(there, monkeypatch)
    os.utime(lock, (1000.0, 1000.0))
    with there.lock() as last_alive_unix_secs:
        assert last_alive_unix_secs == 1000.0


def test_a_holder_leaves_when_its_lock_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(LockFile, "renew_secs", 0.05)
    codes, done = queue.Queue(), threading.Event()

    def leave(code):
        codes.put(code)
        done.wait()

    monkeypatch.setattr(os, "_exit", leave)
    there = Workdir(os.fspath(tmp_path / "run"))
    with there.lock():
        (there / ".lock").write_text(json.dumps({"process": 7, "host": "b"}))
        assert codes.get(timeout=20) == 75
        (there / ".lock").unlink()
        done.set()
