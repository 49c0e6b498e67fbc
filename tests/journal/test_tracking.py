"""A tracker is told each line once, and holds up nobody."""

import threading

import pytest

from tests.journal.subjects import subject_of
from tests.journal.subjects import tell_all
from trainer.journal import trackers
from trainer.journal import tracking
from trainer.journal.metrics_log import MetricsLines
from trainer.journal.tracking import Tracker
from trainer.journal.tracking import TrackerWriter
from trainer.journal.tracking import Tracking
from trainer.journal.writer import Ending
from trainer.journal.writer import Line
from trainer.process.exits import UserError

SCORES = {"test": {"examples": 9, "loss": 0.25}}
FINAL = (20, "final")


class Service(Tracker):
    """Keeps what it is told, and fails as often as it is asked to."""

    def __init__(self, held=(), failures=0, takes=0):
        self.held, self.takes = set(held), takes
        self.lines, self.failures = [], failures
        self.run = self.end = None

    def open(self, run):
        self.run = run
        return set(self.held)

    def log(self, kept):
        if self.failures:
            self.failures -= 1
            self.lines += kept[: self.takes]
            self.held |= {each.key for each in kept[: self.takes]}
            raise ConnectionError("no route\nto the host")
        self.lines += kept

    def close(self, status, files):
        self.end = status, [path.name for path in files]

    def keys(self):
        return [kept.key for kept in self.lines]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(tracking, "LAST_SECS", 5.0)
    monkeypatch.setattr(tracking, "AGAIN_SECS", 0.01)


def line(step, split="train"):
    return Line(step, 1, split, {"loss": 1.0 / step}, {"replicas": 1}, {})


def told(service, subject, *steps, status="done"):
    """Has a service be told of a start of a run."""
    thread = Tracking("service", lambda: service)
    log = MetricsLines(subject)
    writer = TrackerWriter(subject, thread)
    writer.introduce()
    for step in steps:
        if log.is_new(line(step)):
            log.line(line(step))
            writer.line(line(step))
    log.close()
    if status:
        result = {"status": status, "step": steps[-1], "evaluation": SCORES}
        writer.end(Ending(result, 0.1, stopped_early=False))
    thread.close()


def test_it_is_told_the_run_its_lines_and_its_end(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    service = Service()
    told(service, subject_of(tmp_path, first_step=0), 10, 20)
    assert service.run.name == tmp_path.name
    assert service.run.params["optimizer.name"] == "rmsprop"
    assert service.run.params["model.hidden_units"] == "[128]"
    assert service.run.tags["strata.problem"] == "binary"
    assert service.keys() == [(10, "train"), (20, "train"), FINAL]
    assert service.lines[-1].named == {"final/test/loss": 0.25}
    assert service.lines[0].named == {"train/loss": 0.1, "train/replicas": 1}
    assert service.end == ("done", ["result.json"])


def test_each_line_is_told_once_whatever_a_kill_left_untold(tmp_path):
    first = Service()
    told(first, subject_of(tmp_path, first_step=0), 10, 20, 30, status=None)
    assert first.end == ("failed", [])
    # It goes on from step 20; of what was told the service lost step 10.
    again = Service(held=[(20, "train"), (30, "train")])
    told(again, subject_of(tmp_path, first_step=20), 30, 40)
    assert again.keys() == [(10, "train"), (40, "train"), (40, "final")]
    earlier = again.lines[0]
    assert earlier.values == {"loss": 0.1, "replicas": 1}
    assert earlier.unix_secs == pytest.approx(first.lines[0].unix_secs, abs=1)


def test_a_service_that_is_gone_for_a_while_is_told_later(tmp_path, capfd):
    service = Service(failures=2)
    told(service, subject_of(tmp_path, first_step=0), 10, 20)
    assert service.keys() == [(10, "train"), (20, "train"), FINAL]
    assert service.end == ("done", [])
    (words,) = capfd.readouterr().err.splitlines()
    assert words == (
        "strata: WARNING: --log_to=service: ConnectionError: no route; the run"
        " goes on, and it is tried again"
    )


def test_what_a_service_took_before_it_failed_is_not_told_again(tmp_path):
    service = Service(failures=1, takes=1)
    before = Service()
    told(before, subject_of(tmp_path, first_step=0), 10, 20, status=None)
    told(service, subject_of(tmp_path, first_step=20), 30)
    assert service.keys() == [
        *((step, "train") for step in (10, 20, 30)),
        (30, "final"),
    ]


def test_a_service_that_stays_away_is_given_up(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(tracking, "LAST_SECS", 0.05)
    told(Service(failures=10_000), subject_of(tmp_path, first_step=0), 10, 20)
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.endswith("was not told the end, and 3 lines")


def test_a_service_that_does_not_answer_holds_up_nobody(
    tmp_path, capfd, monkeypatch
):
    """Every event returns at once; the end waits for a while, no longer."""
    never = threading.Event()
    monkeypatch.setattr(tracking, "LAST_SECS", 0.05)
    monkeypatch.setattr(tracking, "CALL_SECS", 0.05)

    def make():
        never.wait()
        return Service()

    thread = Tracking("service", make)
    writer = TrackerWriter(subject_of(tmp_path, first_step=0), thread)
    writer.introduce()
    tell_all(writer)
    thread.close()
    assert "service does not answer" in capfd.readouterr().err
    never.set()


@pytest.mark.parametrize(
    ("log_to", "words"),
    [
        ("mlfow:http://x", "did you mean mlflow"),
        ("mlflow", "must name where"),
        ("tensorboard", "must be mlflow:URI or wandb"),
    ],
)
def test_a_mistake_is_one_line(log_to, words):
    with pytest.raises(UserError, match=words):
        trackers.opened(log_to)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="Strata's extra wandb"):
        trackers.opened("wandb:project")


def test_none_is_told_by_default():
    assert trackers.opened(None) == []
