"""How a sweep stands, in lines or in one that is written over."""

import io
import sys

import pytest

from tests.launch.sweep.test_crew import crew_of
from tests.launch.sweep.test_crew import plan_of
from tests.launch.sweep.test_crew import scores_of
from tests.launch.sweep.warm_stand_in import FakeWarm
from trainer.launch.sweep.progress import Progress
from trainer.process import plain_text


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("kind", [io.StringIO, Screen])
def test_each_trial_is_told_once(tmp_path, monkeypatch, kind):
    screen = kind()
    monkeypatch.setattr(sys, "stdout", screen)
    plan = plan_of(sampler="random")
    with plain_text.shown():
        search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=3)
        told = Progress(plan, search, 3)
        crew._on_change = told.tell
        crew.work()
        told.close()
    text = screen.getvalue()
    for number in range(3):
        assert text.count(f"trial {number} done: loss ") == 1
    assert "3 done of 3; best " in text
    is_live = kind is Screen
    assert ("\r\x1b[K" in text) == is_live
    assert text.endswith("\r\x1b[K") == is_live
    assert "\\x1b" not in text


def test_a_trial_that_is_tried_again_is_told_again(tmp_path, capsys):
    plan = plan_of(sampler="random")
    for code in (1, 0):
        warm = FakeWarm(scores_of, lambda fields, code=code: code)
        search, crew = crew_of(plan, tmp_path, warm, trials=2)
        told = Progress(plan, search, 2)
        crew._on_change = told.tell
        crew.work()
    text = capsys.readouterr().out
    assert "trial 1 exit code 1, " in text
    assert "going on after 2 failed of 2" in text
    assert text.count("trial 1 done: loss ") == 1
    assert "2 done of 2; best " in text
