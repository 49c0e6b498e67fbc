"""Runs side by side: each as its own command leaves it, killed or not."""

import json
import shutil

import pytest

from tests import processes
from trainer.api import side_by_side
from trainer.process.watchdog import Watchdog
from trainer.workdir.folder import STOP_FILE

BOTH = (
    "--config=digits",
    "--config.epochs=4",
    "--config.model.hidden_units=32,",
    "--config.evaluation.select_by=accuracy",
    "--config.evaluation.patience=2",
    "--config.checkpoint.every_steps=41",
    "--config.checkpoint.keep=9",
    "--config.log.report=false",
    "--config.log.tensorboard=false",
)
OWN = (
    ("--config.seed=1", "--config.model.dropout=0.1"),
    ("--config.seed=2", "--config.model.dropout=0.4"),
    (
        "--config.seed=3",
        "--config.model.dropout=0.2",
        # So slow that patience ends it before the others.
        "--config.optimizer.learning_rate=1e-9",
    ),
)


def words_of(folder):
    """Returns each run's words, and the workdirs."""
    workdirs = [folder / str(n) for n in range(len(OWN))]
    commands = [
        [*BOTH, *own, f"--workdir={workdir}"]
        for own, workdir in zip(OWN, workdirs, strict=True)
    ]
    return commands, workdirs


def joined(commands):
    return [word for words in commands for word in ("+", *words)]


def train(commands):
    """Trains side by side; returns the exit code."""
    running = processes.start("trainer.api.side_by_side", *joined(commands))
    return processes.finish(running)[0]


def result_of(workdir):
    return json.loads((workdir / "result.json").read_text())


def lines_of(workdir):
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def assert_alike(workdirs, others):
    for one, other in zip(workdirs, others, strict=True):
        told, expected = lines_of(one), lines_of(other)
        assert [line["step"] for line in told] == [
            line["step"] for line in expected
        ]
        losses = [line["loss"] for line in expected]
        assert [line["loss"] for line in told] == pytest.approx(
            losses, rel=1e-4
        )
        a, b = result_of(one), result_of(other)
        assert (a["status"], a["step"]) == (b["status"], b["step"])
        for split, scores in b["evaluation"].items():
            assert a["evaluation"][split] == pytest.approx(scores, rel=1e-4)


@pytest.mark.slow
def test_three_end_with_the_scores_of_three_commands(tmp_path, monkeypatch):
    alone, expected = words_of(tmp_path / "alone")
    for words in alone:
        running = processes.start("trainer.task", *words)
        assert processes.finish(running)[0] == 0
    commands, workdirs = words_of(tmp_path / "beside")
    beats = []
    monkeypatch.setattr(Watchdog, "beat", lambda _, step: beats.append(step))
    assert train(commands) == 0
    assert_alike(workdirs, expected)
    # The watch's limit follows how long a chunk of all of them takes.
    assert beats == sorted(set(beats))
    # Scoring the others is no training of this one.
    for workdir in workdirs:
        result = result_of(workdir)
        secs = result["goodput"]
        assert secs["beside"] > 0
        own = sum(secs[n] for n in ("train", "compile", "input_wait", "other"))
        assert (
            result["timing"]["train_secs"] <= own + secs.get("look", 0) + 0.01
        )
    assert result_of(workdirs[2])["step"] < result_of(workdirs[0])["step"]
    record = json.loads((workdirs[1] / "record.json").read_text())
    assert record["command"][1:] == ["-m", "trainer.task", *commands[1]]
    assert record["topology"]["networks"] == 3
    # As after a kill between two checkpoints: one stands behind the others.
    shutil.copytree(tmp_path / "beside", tmp_path / "cut")
    cut, left = words_of(tmp_path / "cut")
    for workdir, last_step in zip(left, (82, 41, 82), strict=True):
        (workdir / "result.json").unlink()
        for path in (workdir / "checkpoints").glob("step_*"):
            if int(path.name.removeprefix("step_")) > last_step:
                shutil.rmtree(path)
    assert train(cut) == 0
    assert_alike(left, expected)


@pytest.mark.slow
def test_one_that_stops_or_diverges_leaves_the_others(tmp_path):
    commands, workdirs = words_of(tmp_path)
    commands[0].append("--config.optimizer.learning_rate=1e30")
    workdirs[1].mkdir()
    (workdirs[1] / STOP_FILE).touch()
    assert train(commands) == 43
    ended = [result_of(workdir)["status"] for workdir in workdirs]
    assert ended == ["diverged", "stopped", "done"]
    alone = processes.start("trainer.task", *commands[1])
    assert processes.finish(alone)[0] == 0
    assert result_of(workdirs[1])["status"] == "done"


@pytest.mark.slow
def test_a_run_that_stops_keeps_no_later_group_from_beginning(tmp_path):
    commands, workdirs = words_of(tmp_path)
    for place in (0, 1):
        commands[place].append("--config.model.hidden_units=(4,)")
    workdirs[2].mkdir()
    (workdirs[2] / STOP_FILE).touch()
    assert train([commands[2], *commands[:2]]) == 43
    ended = [result_of(workdir)["status"] for workdir in workdirs]
    assert ended == ["done", "done", "stopped"]


def test_flags_of_one_process_are_refused(tmp_path, capsys):
    commands, _ = words_of(tmp_path)
    commands[1].append("--devices=2")
    assert side_by_side.main(joined(commands)) == 2
    assert "--devices: a run beside others has only" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
