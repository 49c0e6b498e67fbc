"""The end of a sweep."""

import argparse
import json
import math
import pathlib
from typing import Any

import pytest

from tests.launch.sweep.test_crew import crew_of
from tests.launch.sweep.test_crew import plan_of
from tests.launch.sweep.warm_stand_in import FakeWarm
from trainer.launch.sweep import __main__ as sweep
from trainer.launch.sweep import page
from trainer.launch.sweep import winner
from trainer.launch.sweep.plan import Member
from trainer.launch.sweep.progress import Progress
from trainer.launch.sweep.sweep import Sweep


class Ranked:
    """A search whose best trials are told."""

    def __init__(self, *numbers):
        self._trials = [Trial(number) for number in numbers]

    def best(self):
        return self._trials[0]

    def ranked(self):
        return self._trials

    def trials(self):
        return []

    def values_of(self, trial):
        return {}


class Trial:
    def __init__(self, number):
        self.number = number


class Planned:
    metric = "accuracy"
    bounds = (0.0, 1.0)
    data_dir = None
    members = (Member(),)

    def folder(self, number, member):
        return pathlib.PurePath(f"trials/{number:04d}")


class Scorer:
    """Scores each run that it is asked for by how many it was asked for."""

    def __init__(self):
        self.count = 0

    def run(self, words, folder):
        self.count += 1
        found = {"test": {"accuracy": self.count}}
        (output,) = [w for w in words if w.startswith("--output=")]
        text = json.dumps({"evaluation": found, "intervals": {}})
        pathlib.Path(output.partition("=")[2]).write_text(text)
        return 0


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ({"accuracy": 0.5}, "{}/refit/0007\n"),
        # The test rows have no such score.
        ({"loss": 0.5}, "test accuracy –; "),
    ],
)
def test_the_run_on_all_rows_is_told(
    tmp_path, monkeypatch, capsys, scores, told
):
    monkeypatch.setattr(winner, "finish", lambda *_, **__: {"trial": 7})
    monkeypatch.setattr(winner, "told", lambda *_: "")
    monkeypatch.setattr(sweep.page, "write", lambda *_: None)
    monkeypatch.setattr(sweep.refit, "refit", lambda *_: scores)
    wanted = argparse.Namespace(keep=1, refit=True)
    plan: Any = Planned()
    nothing: Any = None
    sweep._finish(Sweep(plan, nothing, tmp_path, nothing), wanted)
    assert told.format(tmp_path) in capsys.readouterr().out


def test_small_losses_are_told_by_their_digits(tmp_path, monkeypatch, capsys):
    plan = plan_of(sampler="random")
    warm = FakeWarm(lambda fields: [3.1e-6])
    search, crew = crew_of(plan, tmp_path, warm, trials=1)
    progress = Progress(plan, search, 1)
    crew.work()
    progress.tell()
    shown = capsys.readouterr().out
    assert "done: loss 3.1e-06 (best)" in shown
    assert "; best 3.1e-06 (trial 0)" in shown
    outcome = winner.finish(crew._sweep)
    outcome["validation"], outcome["test"] = [3e-6, 4e-6], [5e-6]
    outcome["kept"], outcome["kept_test"] = ["a", "b"], 6e-6
    told = winner.told(plan, outcome, tmp_path / "a b")
    assert f"strata predict --workdir='{tmp_path}/a b' …" in told
    assert "3.5e-06 ± 7.071e-07 of 2 runs" in told
    assert "-1.5e-06, validation less test" in told
    assert "test loss 6e-06" in told
    assert page._score(plan, outcome) == "test loss 5e-06"
    monkeypatch.setattr(winner, "finish", lambda *_, **__: outcome)
    monkeypatch.setattr(sweep.page, "write", lambda *_: None)
    monkeypatch.setattr(sweep.refit, "refit", lambda *_: {"loss": 7e-6})
    wanted = argparse.Namespace(keep=1, refit=True)
    sweep._finish(crew._sweep, wanted)
    assert "test loss 7e-06; " in capsys.readouterr().out


def test_an_interval_ends_where_the_metric_does():
    share = winner.interval_of([0.6, 0.8, 1.0], (0.0, 1.0))
    assert share == pytest.approx([0.3032, 1.0], abs=1e-4)
    free = winner.interval_of([0.6, 0.8, 1.0], (-math.inf, math.inf))
    assert free == pytest.approx([0.3032, 1.2968], abs=1e-4)


def test_another_mean_of_as_many_is_scored_anew(tmp_path, monkeypatch):
    """As where more trials changed who is kept beside the best one."""
    monkeypatch.setattr(winner, "score_of", lambda *_: 0.5)
    monkeypatch.setattr(winner, "write_outcome", lambda *_: None)
    monkeypatch.setattr(winner, "counts_of", lambda _: {})
    scorer: Any = Scorer()

    def score(*numbers):
        plan: Any = Planned()
        search: Any = Ranked(*numbers)
        return winner.finish(Sweep(plan, search, tmp_path, scorer), keep=2)

    assert score(0, 1)["kept_test"] == 2
    assert score(0, 2)["kept_test"] == 3
    last = score(0, 1)
    assert last["kept_test"] == 2
    assert last["looks"] == 1
