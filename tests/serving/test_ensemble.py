"""Several runs as one model: evaluated, asked and exported as a run is."""

import csv
import json
import random
import shutil

import numpy as np
import pytest

from tests.runs import held_out_rows
from tests.runs import rewrite
from tests.runs import TRAINED
from tests.verbs import strata
from trainer import load
from trainer.finished import trained_run
from trainer.process.exits import UserError
from trainer.storage.files import to_json
from trainer.storage.json_files import sealed

QUIET = "--config.log.report=False"
FORMATS = "saved_model,keras,tflite,onnx"


def ensemble_of(folder, runs):
    """Makes a folder whose runs are copies of some, and one model."""
    folder.mkdir()
    names = []
    for number, run in enumerate(runs):
        names.append(f"trials/{number:04d}")
        shutil.copytree(run, folder / names[-1])
    value = sealed({"members": names})
    (folder / "ensemble.json").write_bytes(to_json(value))
    return folder


@pytest.fixture(scope="module", params=["multiclass", "regression"])
def two(request, trained, tmp_path_factory):
    """An ensemble of a run and of one with other weights and other rows."""
    one = trained(request.param)
    folder = tmp_path_factory.mktemp("ensemble")
    other = folder / "other"
    code, _, _ = strata(
        "train",
        f"--config={TRAINED[request.param][0]}",
        f"--workdir={other}",
        "--config.seed=7",
        "--config.epochs=2",
        "--config.model.hidden_units=8,8",
        "--config.log.report=False",
        "--config.log.tensorboard=False",
        "--config.jit_compile=False",
    )
    assert code == 0
    return ensemble_of(folder / "both", [one, other])


def test_it_answers_with_the_mean_of_its_runs(two):
    whole = load(two)
    parts = [load(two / f"trials/000{n}") for n in range(2)]
    x, _ = held_out_rows(whole.stored)
    each = np.stack([part.predict(x) for part in parts])
    assert np.abs(each[0] - each[1]).max() > 1e-3
    found = whole.predict(x)
    scale = np.maximum(1, np.abs(found))
    assert (np.abs(found - each.mean(axis=0)) / scale).max() < 1e-6


def test_it_is_scored_as_what_it_answers(two):
    code, out, err = strata("evaluate", f"--workdir={two}", "--format=json")
    assert code == 0, err
    found = json.loads(out)
    whole = load(two)
    x, y = held_out_rows(whole.stored)
    answers = whole.predict(x)
    scores = found["evaluation"]["test"]
    if whole.problem == "multiclass":
        right = (answers.argmax(axis=1) == y).mean()
        assert scores["accuracy"] == pytest.approx(right)
    else:
        error = np.abs(answers[:, 0] - y).mean()
        assert scores["mae"] == pytest.approx(error, rel=1e-5)
    assert found["workdir"] == str(two)


@pytest.mark.slow
def test_every_format_says_the_same(two):
    words = (f"--workdir={two}", f"--formats={FORMATS}")
    code, _, err = strata("export", *words)
    assert code == 0, err
    folder = two / "export/1"
    card = json.loads((folder / "model_card.json").read_text())
    for found in card["agreement"].values():
        assert found["greatest_difference"] <= 1e-5
    assert "mean answer of 2 networks" in (folder / "model_card.md").read_text()


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """An ensemble of two folds of a table, each with its own categories."""
    folder = tmp_path_factory.mktemp("folds")
    draw = random.Random(0)
    table = folder / "table.csv"
    table.write_text("size,colour,kind\n" + "".join(table_rows(draw)))
    runs = [folder / "fold_0", folder / "fold_1"]
    for fold, run in enumerate(runs):
        code, _, err = strata(
            "train",
            *("--config=your_data", "--config.steps=60", QUIET),
            f"--data_dir={table}",
            f"--workdir={run}",
            *("--config.data.folds=2", f"--config.data.fold={fold}"),
            *("--config.log.tensorboard=False", "--config.jit_compile=False"),
        )
        assert code == 0, err
    return ensemble_of(folder / "both", runs), table


def table_rows(draw):
    for _ in range(120):
        size = draw.choice(["", f"{draw.gauss(0, 1):.2f}"])
        # Most are in one fold alone.
        colour = draw.choice(["red", "blue", f"mix {draw.randrange(40)}"])
        yield f"{size},{colour},{draw.choice(['oak', 'yew'])}\n"


@pytest.mark.slow
def test_each_fold_of_a_table_encodes_it_by_its_own_rows(folds):
    folds, table = folds
    whole = load(folds)
    parts = [load(folds / f"trials/000{n}") for n in range(2)]
    assert parts[0].stored.encoding != parts[1].stored.encoding
    rows = list(csv.DictReader(table.read_text().splitlines()))
    cells = [{name: row[name] for name in ("size", "colour")} for row in rows]
    each = np.stack([part.predict(cells) for part in parts])
    assert np.abs(each[0] - each[1]).max() > 1e-3
    found = whole.predict(cells)
    assert np.abs(found - each.mean(axis=0)).max() < 1e-6
    code, out, err = strata("evaluate", f"--workdir={folds}", "--format=json")
    assert code == 0, err
    scored = json.loads(out)
    assert scored["data"]["is_the_runs_own"]
    assert "linear" in scored["baselines"]
    code, out, err = strata(
        *("predict", f"--workdir={folds}", f"--input={table}")
    )
    assert code == 0, err
    assert len(out.splitlines()) == len(rows) + 1
    code, _, err = strata(
        *("evaluate", f"--workdir={folds}", "--split=validation")
    )
    assert code == 2
    assert "trained on each other's" in err
    code, _, err = strata(
        *("export", f"--workdir={folds}", f"--formats={FORMATS}")
    )
    assert code == 0, err
    card = json.loads((folds / "export/1/model_card.json").read_text())
    assert "saved_model of cells" in card["agreement"]
    for told in card["agreement"].values():
        assert told["greatest_difference"] <= 1e-5


def test_one_run_is_that_run(trained, tmp_path):
    run = trained("multiclass")
    whole = load(ensemble_of(tmp_path / "one", [run]))
    x, _ = held_out_rows(whole.stored)
    assert np.array_equal(whole.predict(x), load(run).predict(x))


@pytest.mark.slow  # trains a run
@pytest.mark.parametrize(
    ("problem", "told"), [("binary", 0), ("multilabel", 1)]
)
def test_the_configs_threshold_decides_where_it_does_in_a_run(
    trained, tmp_path, problem, told
):
    folder = ensemble_of(tmp_path / "two", [trained(problem)] * 2)
    config = folder / "trials/0000/config.json"
    evaluation = json.loads(config.read_text())["evaluation"]
    rewrite(config, {"evaluation": evaluation | {"threshold": 0.9}})
    if problem == "binary":  # which a run of that config notes
        record = folder / "trials/0000/record.json"
        data = json.loads(record.read_text())["data"]
        settled = data["problem"] | {"threshold": 0.9}
        rewrite(record, {"data": data | {"problem": settled}})
    whole = trained_run.read(folder).problem
    outputs = np.full((1, whole.outputs), 0.7, np.float32)
    assert np.all(whole.decide(outputs) == told)


def test_what_is_asked_of_a_run_is_not_of_several(trained, tmp_path):
    folder = ensemble_of(tmp_path / "two", [trained("multiclass")] * 2)
    code, _, err = strata("report", folder)
    assert code == 2
    assert f"name one of them, such as {folder}/trials/0000" in err
    assert err.count("\n") == 1


def test_runs_of_other_problems_are_no_ensemble(trained, tmp_path):
    runs = [trained("multiclass"), trained("regression")]
    folder = ensemble_of(tmp_path / "odd", runs)
    with pytest.raises(UserError, match="has other problem than"):
        trained_run.read(folder)


def test_a_run_elsewhere_is_no_member(tmp_path):
    folder = ensemble_of(tmp_path / "odd", [])
    value = sealed({"members": ["../other"]})
    (folder / "ensemble.json").write_bytes(to_json(value))
    with pytest.raises(UserError, match="a part of it is empty"):
        trained_run.read(folder)
