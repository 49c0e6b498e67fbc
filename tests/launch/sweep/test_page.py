"""A sweep's page says what the sweep was, and is one file."""

import re

from tests.launch.sweep.test_crew import crew_of
from tests.launch.sweep.test_crew import plan_of
from tests.launch.sweep.test_crew import scores_of
from tests.launch.sweep.warm_stand_in import FakeWarm
from trainer.charts import trials as drawn
from trainer.launch.sweep import page
from trainer.launch.sweep import plan as plans
from trainer.launch.sweep import winner
from trainer.launch.sweep.study import Choice
from trainer.launch.sweep.study import Layers
from trainer.launch.sweep.study import Number
from trainer.launch.sweep.study import Study

STUDY = Study(
    space={
        "optimizer.learning_rate": Number(1e-4, 1.0, log=True),
        "model.dropout": Number(0.0, 0.5),
        "model.hidden_units": Layers(depth=(1, 2), width=(8, 64)),
        "optimizer.name": Choice(("adam", "<b>sgd</b>")),
        "optimizer.momentum": Number(
            0.0, 0.9, when=("optimizer.name", ("<b>sgd</b>",))
        ),
    },
    pruner="median",
)


def test_a_page_tells_of_all_trials_and_the_winner(tmp_path):
    plan = plans.dataclasses.replace(plan_of(), study=STUDY)
    search, crew = crew_of(plan, tmp_path, FakeWarm(scores_of), trials=20)
    page.write(crew._sweep, None)
    assert "no trial yet" in (tmp_path / page.FILE).read_text()
    crew.work()
    outcome = winner.finish(crew._sweep)
    page.write(crew._sweep, outcome)
    text = (tmp_path / page.FILE).read_text()
    assert text.count("<svg") == 3
    assert "test loss 0.5000" in text
    assert f"Trial {outcome['trial']} is the winner" in text
    assert "&lt;b&gt;sgd" in text
    assert "<b>sgd" not in text
    assert "strata train --config=digits" in text
    rows = re.findall(r'<th scope="row">(\d{4})</th>', text)
    best = min(10, len(search.ranked()))
    assert len(rows) == 1 + best + 20
    assert int(rows[0]) == outcome["trial"]


def test_an_axis_takes_numbers_names_and_gaps():
    places, marks = drawn._places([1.0, 10.0, 100.0], is_log=True)
    assert places == [0.0, 0.5, 1.0]
    assert marks == [(0.0, "1"), (1.0, "100")]
    places, _ = drawn._places(["a", None, "b"], is_log=False)
    assert (places[0], places[2]) == (0.0, 1.0)
    assert places[1] != places[1]
    assert drawn._places([3, 3], is_log=False)[0] == [0.0, 0.0]
