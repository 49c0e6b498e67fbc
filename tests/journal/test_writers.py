"""A writer is one file and one line: it gets every event, or there is none."""

import inspect
import types

import pytest

from trainer import task
from trainer.cluster.place import Cluster
from trainer.journal import writers as writers_lib
from trainer.journal.display import Display
from trainer.journal.outlets import NOWHERE
from trainer.journal.writer import Line
from trainer.journal.writer import Writer
from trainer.journal.writers import Writers

FLAGS = (
    "--config=digits",
    "--config.epochs=2",
    "--config.log.every_steps=20",
    "--config.log.histograms_every_steps=20",
    "--config.evaluation.test_each_time=true",
)
EVENTS = [
    name
    for name, _ in inspect.getmembers(Writer, inspect.isfunction)
    if not name.startswith("_")
]


class Scratch(Writer):
    """Notes each event by its name."""

    def __init__(self, subject=None):
        self.heard = []

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name not in EVENTS:
            return found

        def noted(*arguments, **named):
            self.heard.append((name, *arguments, *named.values()))
            return found(*arguments, **named)

        return noted

    def names(self):
        return [name for name, *_ in self.heard]


@pytest.mark.parametrize("event", EVENTS)
def test_each_event_is_passed_to_all(event):
    both = [Scratch(), Scratch()]
    named = inspect.signature(getattr(Writer, event)).parameters.values()
    values = {p.name: object() for p in named if p.name != "self"}
    getattr(Writers(both), event)(**values)
    for writer in both:
        assert writer.heard[-1] == (event, *values.values())
        assert writer.names().count(event) == 1


def test_a_line_that_one_has_is_told_by_none():
    class Once(Writer):
        def is_new(self, line):
            return line.step > 5

    scratch = Scratch()
    writers = Writers([scratch, Once()])
    for step in (5, 6):
        writers.line(Line(step, 1, "test", {"loss": 1.0}, {}, {}))
    assert [line.step for name, line in scratch.heard if name == "line"] == [6]


@pytest.fixture
def scratch(monkeypatch):
    """A writer that stands on stdout's line of the table."""
    made = Scratch()
    monkeypatch.setattr(Display, "writer", lambda self, subject: made)
    return made


@pytest.mark.slow
def test_a_run_tells_a_writer_all_that_happens(scratch, tmp_path):
    assert task.main([*FLAGS, f"--workdir={tmp_path}/run"]) == 0
    names = scratch.names()
    # Nothing goes wrong in it.
    assert set(EVENTS) - set(names) == {"alert"}
    assert names[0] == "introduce"
    assert names[-1] == "close"
    first = {name: names.index(name) for name in EVENTS if name in names}
    order = [
        *("introduce", "begin_chunk", "preview", "line", "progress"),
        *("goodput", "sync", "stop", "mistakes", "end", "close"),
    ]
    assert sorted(order, key=first.__getitem__) == order
    lines = [
        (event[1].step, event[1].split)
        for event in scratch.heard
        if event[0] == "line"
    ]
    assert len(set(lines)) == len(lines)
    stored = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert len(stored) == len(lines)


def test_who_is_not_the_chief_tells_nobody(scratch, monkeypatch, tmp_path):
    monkeypatch.setattr(Cluster, "is_chief", False)
    assert task.main([*FLAGS, f"--workdir={tmp_path}/run"]) == 0
    assert scratch.heard == []
    assert not (tmp_path / "run").exists()


def test_the_log_section_says_who_is_told(monkeypatch):
    made = []
    for name in ("MetricsLines", "FirstImages", "MistakesFile", "TensorBoard"):
        monkeypatch.setattr(
            writers_lib, name, lambda subject, name=name: made.append(name)
        )
    monkeypatch.setattr(Display, "writer", lambda self, subject: None)
    log = types.SimpleNamespace(report=False, tensorboard=False)
    subject = types.SimpleNamespace(config=types.SimpleNamespace(log=log))
    writers_lib.open_writers(subject, Display(), NOWHERE)  # type: ignore[arg-type]
    log.report = log.tensorboard = True
    writers_lib.open_writers(subject, Display(), NOWHERE)  # type: ignore[arg-type]
    always = ["MetricsLines", "FirstImages"]
    assert made == [*always, *always, "MistakesFile", "TensorBoard"]
