"""A workdir that an earlier revision trained: it is served, and it goes on.

`tests/golden/workdir_3642b00` was trained for three epochs by that revision;
the file beside it says what the same revision answered, and what it came to
after six. Neither is ever made anew: users' workdirs are not, either.
"""

import json
import pathlib
import shutil

import pytest
from sklearn.datasets import load_digits

import trainer
from trainer import task
from trainer.reports import report
from trainer.serving import evaluate
from trainer.train import record

GOLDEN = pathlib.Path(__file__).parents[1] / "golden/workdir_3642b00"
EXPECTED = json.loads(GOLDEN.with_suffix(".json").read_text())
FLAGS = (
    "--config=digits",
    "--config.model.hidden_units=16",
    "--config.model.dropout=0.1",
    "--config.optimizer.ema_decay=0.9",
    "--config.checkpoint.every_steps=30",
    "--config.log.tensorboard=false",
    "--config.log.report=false",
)


@pytest.fixture
def workdir(tmp_path):
    return pathlib.Path(shutil.copytree(GOLDEN, tmp_path / "run"))


def read(workdir, name="result.json"):
    return json.loads((workdir / name).read_text())


def test_it_is_evaluated_to_its_own_scores(workdir, capsys):
    for split, expected in read(workdir)["evaluation"].items():
        flags = [f"--workdir={workdir}", f"--split={split}", "--format=json"]
        assert evaluate.main(flags) == 0
        found = json.loads(capsys.readouterr().out)["evaluation"]
        assert found[split] == pytest.approx(expected, rel=1e-6)


def test_it_predicts_as_it_did():
    x = load_digits().images[:2].astype("uint8")
    found = trainer.load(str(GOLDEN)).predict(x)
    for ours, theirs in zip(found, EXPECTED["first_two_digits"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_its_page_is_made_from_what_it_stored(workdir):
    assert report.main([str(workdir)]) == 0
    assert (workdir / "report.html").exists()


@pytest.mark.slow
def test_it_goes_on_to_the_very_weights(workdir):
    before = read(workdir, "record.json")
    assert task.main([*FLAGS, "--config.epochs=6", f"--workdir={workdir}"]) == 0
    found, expected = read(workdir), EXPECTED["with_six_epochs"]
    assert found["step"] == expected["step"]
    for split, scores in expected["evaluation"].items():
        assert found["evaluation"][split] == pytest.approx(scores, abs=1e-4)
    if not record.differences(before, read(workdir, "record.json")):
        assert found["weights_sha256"] == expected["weights_sha256"]
        assert found["evaluation"] == expected["evaluation"]


def test_a_finished_run_of_it_is_left_alone(workdir, capsys):
    assert task.main([*FLAGS, "--config.epochs=3", f"--workdir={workdir}"]) == 0
    assert "is finished at step 123" in capsys.readouterr().out
