"""The end of a run as people read it."""

import pathlib

import pytest

from trainer.config import Config
from trainer.journal import ending
from trainer.process import clock
from trainer.process import surroundings


def test_scores_come_with_their_rows():
    lines = ending.scores(
        {
            "validation": {"examples": 1440, "loss": 0.5, "accuracy": 0.9},
            "test": {"examples": 359, "loss": 0.06694, "accuracy": 0.98},
        }
    ).splitlines()
    assert lines == [
        "validation  loss 0.5000, accuracy 0.9000  on 1,440 rows",
        "test        loss 0.0669, accuracy 0.9800  on 359 rows",
    ]


def test_a_small_loss_is_not_told_as_none():
    line = ending.scores({"test": {"examples": 9, "loss": 3.1e-6, "mse": 2e3}})
    assert line == "test  loss 3.1e-06, mse 2,000  on 9 rows"


@pytest.mark.parametrize(
    ("status", "speed"),
    [
        ("done", "no step was left to take"),
        ("diverged", "not told of the steps that diverged"),
    ],
)
def test_a_start_without_a_step_has_no_speed(status, speed):
    result = {"goodput": {"setup": 3.0}, "examples_per_sec": 0.0}
    result["status"] = status
    *_, last = ending.spent(result, step_secs=0.24).splitlines()
    assert last == f"speed  {speed}"


def test_where_the_time_went_is_said_in_words():
    secs = {"train": 60.0, "setup": 30.0, "input_wait": 0.1, "paused": 0.01}
    result = {"goodput": secs, "examples_per_sec": 56_476.2}
    assert ending.spent(result, step_secs=2.27e-3).splitlines() == [
        "time   90.1 s, 66.6 % in training: training 60.0 s, set-up 30.0 s,"
        " waiting for rows 0.1 s",
        "speed  56,476 rows/s, 2.27 ms a step",
    ]


def test_every_category_has_a_word():
    told = clock.listed(dict.fromkeys(clock.WORDS, 1.0))
    assert "_" not in told


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setattr(ending, "own_command", lambda: "strata")


def test_what_comes_next_can_be_typed(command):
    lines = ending.next_steps("runs/it's", Config()).splitlines()
    assert lines[0] == "next:"
    assert lines[1].split("  ")[1] == "runs/it's/report.html"
    assert [line.split("  ")[1] for line in lines[2:]] == [
        "strata predict 'runs/it'\"'\"'s' --input=FILE",
        "strata evaluate 'runs/it'\"'\"'s'",
        "strata export 'runs/it'\"'\"'s'",
        "strata tensorboard runs",
    ]


def test_what_was_not_made_is_not_named(command):
    config = Config()
    config.log.report = config.log.tensorboard = False
    shown = ending.next_steps("run", config)
    assert "report.html" not in shown
    assert "tensorboard" not in shown


def test_the_command_is_the_one_of_this_environment(tmp_path, monkeypatch):
    own = tmp_path / "bin" / "strata"
    monkeypatch.setattr(
        surroundings.sysconfig, "get_path", lambda _: str(own.parent)
    )
    monkeypatch.setattr(surroundings.sys, "executable", "/a b/python")
    monkeypatch.setenv("PATH", "/nowhere")
    assert surroundings.own_command() == "'/a b/python' -m trainer"
    own.parent.mkdir()
    own.write_text("#!/bin/sh")
    own.chmod(0o755)
    assert surroundings.own_command() == str(own)
    monkeypatch.chdir(tmp_path)
    assert surroundings.own_command() == str(pathlib.Path("bin/strata"))
    monkeypatch.setenv("PATH", str(own.parent))
    assert surroundings.own_command() == "strata"
