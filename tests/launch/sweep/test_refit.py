"""The winner again, on all rows but the test's."""

import json

from tests.runs import read_result
from trainer import flags
from trainer.launch.sweep import refit
from trainer.launch.sweep.plan import settle
from trainer.launch.sweep.plan import word_of
from trainer.launch.sweep.study import Study


def test_its_length_grows_with_the_rows(trained):
    folder = trained("multiclass")
    rows = json.loads((folder / "record.json").read_text())["data"]["examples"]
    steps = read_result(folder)["step"]
    grown = 1 + rows["validation"] / rows["train"]
    assert refit.length_of([folder, folder]) == round(steps * grown)


def test_its_command_is_refused_by_no_rule():
    given = ["--config=your_data", "--config.data.source=wine"]
    plan = settle([*given, "--config.epochs=5"], Study())
    fields = {**refit.WITHOUT, "steps": 7, "model.dropout": 0.5}
    words = [word_of(name, value) for name, value in fields.items()]
    config = flags.parse([*plan.words, *words])[1]
    assert (config.steps, config.epochs) == (7, None)
    assert config.data.validation_fraction == 0
    assert config.evaluation.test_at_end
