"""Several runs as one model: evaluated, asked and exported as a run is."""

import json
import shutil

import numpy as np
import pytest

from tests.runs import held_out_rows
from tests.runs import TRAINED
from tests.verbs import strata
from trainer import load
from trainer.finished import trained_run
from trainer.process.exits import UserError
from trainer.storage.files import to_json
from trainer.storage.json_files import sealed

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


def test_one_run_is_that_run(trained, tmp_path):
    run = trained("multiclass")
    whole = load(ensemble_of(tmp_path / "one", [run]))
    x, _ = held_out_rows(whole.stored)
    assert np.array_equal(whole.predict(x), load(run).predict(x))


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
