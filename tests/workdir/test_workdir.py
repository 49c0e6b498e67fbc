"""The workdir: files whole or absent, one holder, each metric once."""

import dataclasses
import json
import os
import queue
import threading

import pytest

from trainer.config import Config
from trainer.journal.metrics_log import MetricsLog
from trainer.process.exits import UserError
from trainer.workdir import folder
from trainer.workdir.folder import Workdir

CONFIG = Config(epochs=3)


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def line(step, split="train", **values):
    return {"step": step, "epoch": 0, "split": split, **values}


def write_lines(path, *lines):
    path.write_text("".join(json.dumps(each) + "\n" for each in lines))


def test_each_step_and_split_is_logged_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, 0)
    assert log.write(10, 0, "train", {"loss": 2.0})
    assert log.write(10, 0, "validation", {"loss": 3.0})
    assert not log.write(10, 0, "train", {"loss": 1.0})
    log.sync()
    log.close()
    wanted = [line(10, loss=2.0), line(10, "validation", loss=3.0)]
    assert lines_of(path) == wanted


def test_lines_of_steps_that_run_again_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, line(10), line(20), line(20, "test"), line(30))
    log = MetricsLog(path, 20)
    assert lines_of(path) == [line(10), line(20), line(20, "test")]
    assert not log.write(20, 0, "test", {})
    assert log.write(30, 0, "train", {"loss": 1.0})
    log.close()
    assert lines_of(path)[3:] == [line(30, loss=1.0)]


def test_a_torn_last_line_is_dropped_and_written_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, line(10), line(20))
    path.write_text(path.read_text()[:-9])
    log = MetricsLog(path, 20)
    assert log.write(20, 0, "train", {})
    log.close()
    assert lines_of(path) == [line(10), line(20)]


def test_a_run_that_begins_anew_keeps_no_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write_lines(path, line(10))
    MetricsLog(path, 0).close()
    assert path.read_text() == ""


def started(tmp_path, config=CONFIG, **result):
    there = Workdir(os.fspath(tmp_path))
    there.start(config, {"version": "1"})
    if result:
        there.write_json("result.json", result)
    return there


def test_a_new_workdir_is_not_made_by_looking(tmp_path):
    there = Workdir(os.fspath(tmp_path / "a" / "b"))
    assert there.check(CONFIG) is None
    there.check_unlocked()
    assert os.listdir(tmp_path) == []


def test_a_start_notes_the_config_and_drops_an_old_result(tmp_path):
    there = started(tmp_path, status="done", step=3)
    there.start(CONFIG, {"version": "2"})
    assert there.read_json("config.json") == json.loads(
        json.dumps(dataclasses.asdict(CONFIG))
    )
    assert there.read_json("record.json") == {"version": "2"}
    assert there.read_json("result.json") is None


@pytest.mark.parametrize(
    ("result", "epochs", "finished"),
    [
        ({"status": "done", "step": 9}, 3, True),
        ({"status": "done", "step": 9}, 4, False),
        ({"status": "stopped", "step": 9}, 3, False),
        ({"step": 9}, 3, False),
        ({}, 3, False),
    ],
    ids=str,
)
def test_whether_a_run_is_finished(result, epochs, finished, tmp_path):
    there = started(tmp_path, **result)
    found = there.check(Config(epochs=epochs))
    assert found == (result if finished else None)


def test_another_config_is_refused_by_its_fields(tmp_path):
    there = started(tmp_path)
    with pytest.raises(UserError, match=r"another config: seed: 42 -> 7; name"):
        there.check(Config(epochs=3, seed=7))


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


def take_elsewhere(there, monkeypatch):
    """Leaves the lock as a process of another machine does, unlocked here."""
    monkeypatch.setattr(folder, "LEASE_SECS", 1.0)
    monkeypatch.setattr(folder, "BEAT_SECS", 0.05)
    there.path.mkdir()
    lock = there / ".lock"
    lock.write_text(json.dumps({"process": 7, "host": "elsewhere"}))
    return lock


def test_another_machines_holder_that_beats_is_left_alone(
    tmp_path, monkeypatch
):
    there = Workdir(os.fspath(tmp_path / "run"))
    lock, done = take_elsewhere(there, monkeypatch), threading.Event()

    def beat():
        while not done.wait(0.05):
            os.utime(lock)

    thread = threading.Thread(target=beat)
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


def test_another_machines_dead_holder_is_followed(tmp_path, monkeypatch):
    there = Workdir(os.fspath(tmp_path / "run"))
    lock = take_elsewhere(there, monkeypatch)
    os.utime(lock, (1000.0, 1000.0))
    with there.lock():
        assert there.last_alive_unix_secs == 1000.0


def test_a_holder_leaves_when_its_lock_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "BEAT_SECS", 0.05)
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


def test_a_home_folder_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert Workdir("~/run").path == tmp_path / "run"
