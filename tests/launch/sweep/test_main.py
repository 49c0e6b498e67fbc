"""`strata sweep` as its user meets it."""

import json

import pytest

from tests.launch.sweep.warm_stand_in import ForkedWarm
from tests.verbs import strata
from trainer.finished import stored_run
from trainer.launch.sweep import __main__ as sweep

QUICK = (
    "--config=wine",
    "--config.epochs=4",
    "--config.jit_compile=False",
    "--config.log.report=False",
    "--config.log.tensorboard=False",
    "--config.data.validation_fraction=0.3",
)


@pytest.fixture(autouse=True)
def forked_trainers(monkeypatch):
    monkeypatch.setattr(sweep, "Warm", ForkedWarm)


def begun(folder):
    """Returns how many trials of a sweep have a checkpoint."""
    weights = folder.glob("trials/*/checkpoints/step_*/model.keras")
    return len({path.parents[2] for path in weights})


def outcome_of(folder):
    return json.loads((folder / "outcome.json").read_text())


@pytest.mark.slow
def test_a_sweep_ends_with_a_winner_and_goes_on_with_more_trials(tmp_path):
    folder = tmp_path / "sweep"
    words = ("sweep", *QUICK, f"--workdir={folder}")
    code, out, err = strata(*words, "--trials=2")
    assert (code, err) == (0, "")
    assert "2 done of 2" in out
    outcome = outcome_of(folder)
    runs = [stored_run.read(folder / f"trials/000{n}") for n in range(2)]
    scores = [r.result["evaluation"]["validation"]["accuracy"] for r in runs]
    assert outcome["validation"] == [max(scores)]
    assert outcome["trial"] == scores.index(max(scores))
    assert all(run.splits == ["train", "validation"] for run in runs)
    assert "test accuracy" in out
    assert "strata train --config=wine" in out
    assert f"--workdir={folder / 'winner'}" in out
    assert "test_at_end" not in out
    code, out, _ = strata(*words, "--trials=2")
    assert code == 0
    assert "going on after 2 done of 2" in out
    assert outcome_of(folder) == outcome


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--config is missing"),
        (("--config=digits", "--trials=0"), "must be a whole number of 1"),
        (("--config=digitz",), "did you mean digits?"),
        (("--config=digits", "--study=none.py"), "there is no such file"),
        (("--config=digits", "--trails=2"), "--trails"),
        (("--config=digits", "--workdir=gs://a/b"), "gs://a/b"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    code, out, err = strata("sweep", *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
