"""metrics.jsonl: each step and split once, restarts included."""

import json

from trainer.journal.metrics_log import MetricsLog


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
