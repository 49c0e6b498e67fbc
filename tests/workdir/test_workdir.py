"""The workdir: whether a config may start, go on or is finished there."""

import dataclasses
import json
import os
import pathlib

import pytest

from trainer.config import Config
from trainer.process.exits import UserError
from trainer.workdir.folder import Workdir

CONFIG = Config(epochs=3)
GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "workdir_3642b00"
RECORD, RESULT = (
    json.loads((GOLDEN / name).read_text())
    for name in ("record.json", "result.json")
)


def started(tmp_path, config=CONFIG, **result):
    there = Workdir(os.fspath(tmp_path))
    there.start(config, RECORD)
    if result:
        there.write_json("result.json", RESULT | result)
    return there


def test_a_new_workdir_is_not_made_by_looking(tmp_path):
    there = Workdir(os.fspath(tmp_path / "a" / "b"))
    assert there.check(CONFIG) is None
    there.check_unlocked()
    assert os.listdir(tmp_path) == []


def test_its_holder_removes_what_was_left_half_written(tmp_path):
    left = [".result.json.0123abcd", ".metrics.jsonl.ffffffff"]
    others = [".result.json.bak", ".mine.0123abcd", "first_images.png"]
    for name in left + others:
        (tmp_path / name).touch()
    with Workdir(os.fspath(tmp_path)).lock():
        assert sorted(os.listdir(tmp_path)) == sorted([".lock", *others])


def test_a_start_notes_the_config_and_drops_an_old_result(tmp_path):
    there = started(tmp_path, status="done", step=3)
    there.start(CONFIG, RECORD | {"version": "2"})
    assert there.read_json("config.json") == json.loads(
        json.dumps(dataclasses.asdict(CONFIG))
    )
    assert there.read_json("record.json") == RECORD | {"version": "2"}
    assert there.read_json("result.json") is None


@pytest.mark.parametrize(
    ("result", "epochs", "finished"),
    [
        ({"status": "done", "step": 9}, 3, True),
        ({"status": "done", "step": 9}, 4, False),
        ({"status": "stopped", "step": 9}, 3, False),
        ({}, 3, False),
    ],
    ids=str,
)
def test_whether_a_run_is_finished(result, epochs, finished, tmp_path):
    there = started(tmp_path, **result)
    found = there.check(Config(epochs=epochs))
    assert found == (RESULT | result if finished else None)


def test_another_config_is_refused_by_its_fields(tmp_path):
    there = started(tmp_path)
    with pytest.raises(UserError, match=r"another config: seed: 42 -> 7; name"):
        there.check(Config(epochs=3, seed=7))


def test_a_home_folder_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    assert Workdir("~/run").path == tmp_path / "run"


def test_a_value_of_another_type_is_refused_by_its_place(tmp_path):
    held = {"score": 0.1, "difference": 0.2, "interval": True}
    found = {"metric": "r2", "network": 0.3, "guess": held, "linear": {}}
    there = started(tmp_path, baselines={"test": found})
    with pytest.raises(UserError, match=r"got `bool` - at .*interval"):
        there.read_json("result.json")
