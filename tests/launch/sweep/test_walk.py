"""The walk of docs/sweeps.md from a table to an ensemble, as it is written."""

import json

import numpy as np
import pytest

from tests.test_tutorial import BLOCK
from tests.test_tutorial import PAGE
from tests.test_tutorial import ROOT
from tests.test_tutorial import run
from trainer import load
from trainer.tables.opening import open_table

TIMEOUT_SECS = 1800


@pytest.mark.slow
def test_the_walk_to_an_ensemble_does_what_it_says(tmp_path):
    _, make_table = BLOCK.findall(PAGE.read_text())[0]
    run("sh", make_table, tmp_path)
    page = (ROOT / "docs" / "sweeps.md").read_text()
    walk = page.partition("## From a table to an ensemble")[2]
    ((kind, text),) = BLOCK.findall(walk)
    printed = run(kind, text, tmp_path, TIMEOUT_SECS)
    assert "8 done of 8" in printed
    assert "mean of 3 runs" in printed
    folder = tmp_path / "runs/titanic"
    outcome = json.loads((folder / "outcome.json").read_text())
    assert outcome["kept_test"] > 0.75  # 0.8168 by 5 of 20 trials
    assert f"test accuracy {outcome['kept_test']:.4f}" in printed
    card = json.loads((folder / "export/1/model_card.json").read_text())
    assert (card["members"], len(outcome["kept"])) == (3, 3)
    assert set(card["agreement"]) == {
        *("saved_model", "onnx", "saved_model of cells")
    }
    # What was written is the mean of the three.
    lines = (tmp_path / "answers.csv").read_text().splitlines()[1:]
    answers = np.array([float(line.split(",")[1]) for line in lines])
    members = [load(folder / name) for name in outcome["kept"]]
    table = open_table(tmp_path / "titanic.csv")
    cells = next(table.blocks(len(lines))).columns
    each = [m.predict(dict(cells))[:, 0] for m in members]
    assert np.abs(answers - np.mean(each, axis=0)).max() < 1e-6
