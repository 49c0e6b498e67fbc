"""metrics.jsonl: each step and split once, restarts included, and its sums."""

import json

import pytest

from trainer.config import Config
from trainer.input.epochs import Epochs
from trainer.journal.metrics_log import MetricsLines
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.workdir import lines
from trainer.workdir.folder import Workdir


@pytest.fixture
def log(tmp_path):
    """Opens the log of a run that goes on from a step."""
    opened = []

    def open_at(step):
        for before in opened:
            before.close()
        subject = Subject(
            config=Config(),
            dataset=None,  # type: ignore[arg-type]  # not read
            network=None,  # type: ignore[arg-type]
            workdir=Workdir(str(tmp_path)),
            epochs=Epochs(1, 1, 1),
            first_step=step,
            bar_steps=1,
        )
        opened.append(MetricsLines(subject))
        return opened[-1]

    yield open_at
    opened[-1].close()


def line(step, split="train", loss=1.0):
    return Line(step, 0, split, {"loss": loss}, {"speed": 2.0}, {"train": 3.0})


def told(tmp_path):
    text = (tmp_path / "metrics.jsonl").read_text()
    found = map(json.loads, text.splitlines())
    return [(each["step"], each["split"], each["loss"]) for each in found]


def test_each_step_and_split_is_logged_once(log, tmp_path):
    opened = log(0)
    opened.line(line(10))
    opened.line(line(10, "validation", 3.0))
    opened.line(line(10, loss=9.0))
    opened.sync()
    assert told(tmp_path) == [(10, "train", 1.0), (10, "validation", 3.0)]
    for name in (lines.METRICS, lines.TIMING):
        found = lines.read(tmp_path, name, is_over=True)
        assert len(found.values) == 2
        assert found.wrong == []


def test_lines_of_steps_that_run_again_are_dropped(log, tmp_path):
    opened = log(0)
    for each in (line(10), line(20), line(20, "test"), line(30)):
        opened.line(each)
    opened = log(20)
    assert [step for step, *_ in told(tmp_path)] == [10, 20, 20]
    assert not opened.is_new(line(20, "test"))
    assert opened.is_new(line(30))
    opened.line(line(30, loss=4.0))
    assert told(tmp_path)[3:] == [(30, "train", 4.0)]
    assert lines.read(tmp_path, lines.METRICS, is_over=True).wrong == []


def test_final_scores_are_dropped_with_the_steps_before_them(log, tmp_path):
    """They are of an earlier step, the best."""
    opened = log(0)
    for each in (line(10), line(20), line(10, "test")):
        opened.line(each)
    opened = log(10)
    assert told(tmp_path) == [(10, "train", 1.0)]
    for each in (line(20), line(10, "test")):
        opened.line(each)
    assert [step for step, *_ in told(tmp_path)] == [10, 20, 10]
    assert lines.read(tmp_path, lines.METRICS, is_over=True).wrong == []


def test_sums_that_are_older_than_the_final_scores_are_no_damage(log, tmp_path):
    """As a bucket's may be; the scores are of an earlier step, the best."""
    opened = log(0)
    for each in (line(10), line(20)):
        opened.line(each)
    sums = (tmp_path / "sums.jsonl").read_bytes()
    opened.line(line(10, "test"))
    (tmp_path / "sums.jsonl").write_bytes(sums)
    found = lines.read(tmp_path, lines.METRICS)
    assert [*found.by_key] == [(10, "train"), (20, "train")]
    assert found.wrong == []


def test_a_torn_last_line_is_dropped_and_written_again(log, tmp_path, capsys):
    opened = log(0)
    opened.line(line(10))
    opened.line(line(20))
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    opened = log(10)
    opened.line(line(20))
    assert [step for step, *_ in told(tmp_path)] == [10, 20]
    assert capsys.readouterr().err == ""


def test_a_run_that_begins_anew_keeps_no_line(log, tmp_path):
    log(0).line(line(10))
    log(0)
    assert told(tmp_path) == []


def test_the_lines_of_an_earlier_version_get_their_sums(log, tmp_path):
    opened = log(0)
    opened.line(line(10))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    (tmp_path / "sums.jsonl").unlink()
    log(10).line(line(20))
    assert (tmp_path / "metrics.jsonl").read_bytes().startswith(before)
    found = lines.read(tmp_path, lines.METRICS, is_over=True)
    assert [value["step"] for value in found.values] == [10, 20]
    assert found.wrong == []


def test_a_damaged_line_is_told_left_out_and_kept_aside(log, tmp_path, capsys):
    opened = log(0)
    opened.line(line(10))
    opened.line(line(20))
    path = tmp_path / "metrics.jsonl"
    damaged = path.read_bytes().replace(b"1.0", b"8.0", 1)
    path.write_bytes(damaged)
    log(20)
    assert "the line of step 10, train was altered" in capsys.readouterr().err
    assert [step for step, *_ in told(tmp_path)] == [20]
    assert (tmp_path / "metrics.jsonl.damaged").read_bytes() == damaged
