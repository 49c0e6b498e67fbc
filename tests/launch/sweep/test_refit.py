"""The winner again, on all rows but the test's."""

import json
import pathlib
import types

from tests.runs import read_result
from trainer import flags
from trainer import sources
from trainer.launch.sweep import refit
from trainer.launch.sweep.plan import settle
from trainer.launch.sweep.plan import word_of
from trainer.launch.sweep.study import Study

ORDERED = ("--config.data.target=y", "--config.data.order=when")


def test_its_length_grows_with_the_rows(trained):
    folder = trained("multiclass")
    rows = json.loads((folder / "record.json").read_text())["data"]["examples"]
    steps = read_result(folder)["step"]
    whole = rows["train"] + rows["validation"]
    length = refit.length_of([folder, folder], whole)
    assert length == round(steps * whole / rows["train"])


def test_rows_that_a_fold_in_an_order_leaves_out_count(tmp_path, monkeypatch):
    """As many epochs on all rows as were best on each fold's part of them."""
    table = tmp_path / "rows.csv"
    lines = [f"{n % 7},{n},{n % 3}" for n in range(750)]
    table.write_text("\n".join(["x,when,y", *lines]) + "\n")
    words = ["--config=your_data", f"--data_dir={table}", *ORDERED]
    plan = settle(words, None, folds=5)
    parts = {}
    for member in plan.members:
        own = [word_of(name, value) for name, value in member.fields.items()]
        data = flags.parse([*plan.words, *own])[1].data
        splits = sources.load(data, seed=0, data_dir=str(table)).splits
        parts[pathlib.Path(member.name)] = splits["train"].examples

    def read(folder):
        best = 6 * parts[folder] // 10
        rows = {"examples": {"train": parts[folder], "validation": 100}}
        return types.SimpleNamespace(
            result={"best_step": best}, record={"data": rows}
        )

    monkeypatch.setattr(refit.stored_run, "read", read)
    assert sorted(parts.values()) == [100, 200, 300, 400, 500]
    length = refit.length_of(list(parts), plan.whole["train"])
    assert length == 6 * 600 // 10


def test_its_command_is_refused_by_no_rule():
    given = ["--config=your_data", "--config.data.source=wine"]
    plan = settle([*given, "--config.epochs=5"], Study())
    fields = {**refit.WITHOUT, "steps": 7, "model.dropout": 0.5}
    words = [word_of(name, value) for name, value in fields.items()]
    config = flags.parse([*plan.words, *words])[1]
    assert (config.steps, config.epochs) == (7, None)
    assert config.data.validation_fraction == 0
    assert config.evaluation.test_at_end
