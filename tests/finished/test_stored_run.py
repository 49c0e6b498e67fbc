"""A run read back: what it wrote, its weights where asked, one error each."""

import json
import shutil

import pytest

from tests import runs
from tests.faults import bucket as buckets
from trainer import task
from trainer.finished import stored_run
from trainer.finished import trained_run
from trainer.process.exits import UserError
from trainer.reports import report
from trainer.serving import evaluate
from trainer.serving import predict
from trainer.workdir.folder import Workdir

READERS = (stored_run.read, trained_run.read)


@pytest.fixture
def run_copy(trained, tmp_path):
    """A run's workdir that a test may harm."""
    path = tmp_path / "run"
    shutil.copytree(trained("regression"), path)
    return path


def test_a_run_without_checkpoints_is_read_but_for_its_weights(run_copy):
    shutil.rmtree(run_copy / "checkpoints")
    run = stored_run.read(str(run_copy))
    result = json.loads((run_copy / "result.json").read_text())
    assert run.final == list(result["evaluation"].values())[-1]
    with pytest.raises(UserError, match="holds no checkpoint; name a run"):
        trained_run.read(str(run_copy))


def test_the_scale_of_targets_comes_with_the_weights(run_copy):
    assert stored_run.read(str(run_copy)).problem.target_std is None
    run = trained_run.read(str(run_copy))
    assert run.problem.target_std is run.arrays["target/std"]
    assert run.problem.target_mean.shape == (run.problem.outputs,)


def test_what_was_fitted_for_one_steps_weights_is_no_others(tmp_path, capsys):
    workdir = tmp_path / "run"
    flags = [
        "--config=breast_cancer",
        "--config.epochs=2",
        "--config.checkpoint.every_steps=10",
        "--config.checkpoint.keep=50",
        "--config.evaluation.temperature_scaling=True",
        "--config.evaluation.threshold_by=f1",
        "--config.log.report=False",
        f"--workdir={workdir}",
    ]
    assert task.main(flags) == 0
    decision = runs.read_result(workdir)["decision"]
    best = runs.read_result(workdir)["best_step"]
    assert decision["step"] == best != 10
    own, other = (trained_run.read(workdir, str(step)) for step in (best, 10))
    for run in (own, trained_run.read(workdir)):
        assert run.problem.temperature == decision["temperature"] != 1
        assert run.problem.threshold == decision["threshold"] != 0.5
        assert run.note == ""
    assert (other.problem.temperature, other.problem.threshold) == (1, 0.5)
    capsys.readouterr()
    flags = [f"--workdir={workdir}", "--checkpoint=10"]
    assert evaluate.main(flags) == 0
    assert capsys.readouterr().out.splitlines()[1] == (
        f"what was fitted on validation rows is of step {best} alone; these"
        " weights have temperature 1 and threshold 0.5"
    )
    # As earlier versions wrote it, with a selection and without one.
    del decision["step"]
    runs.rewrite(workdir / "result.json", {"decision": decision})
    assert trained_run.read(workdir, "10").problem == other.problem
    runs.rewrite(workdir / "result.json", {"best_step": None, "step": 10})
    found = trained_run.read(workdir, "10").problem
    assert found.temperature == decision["temperature"]


def test_what_a_run_wrote_is_read_when_asked_for(run_copy):
    run = trained_run.read(str(run_copy))
    with (run_copy / "metrics.jsonl").open("a") as file:
        file.write('{"st')
    (run_copy / "result.json").unlink()
    assert run.metrics[-1]["split"] == "test"
    assert run.result == {}


@pytest.mark.parametrize("scored", ["last", "best"])
def test_scores_are_of_the_weights_that_they_are_told_of(
    trained, tmp_path, scored
):
    path = tmp_path / "run"
    shutil.copytree(trained("multilabel"), path)
    first, last = [
        trained_run.read(path, each.name.partition("_")[2]).step
        for each in sorted((path / "checkpoints").iterdir())
    ]
    own, other = (last, first) if scored == "last" else (first, last)
    best_step = None if scored == "last" else first
    runs.rewrite(path / "result.json", {"best_step": best_step})
    run = trained_run.read(path, str(own))
    assert run.own_scores == {"test": run.final}
    assert run.own_detail["calibration"]["bins"] and run.intervals
    run = trained_run.read(path, str(other))
    assert run.own_scores == run.own_detail == {}
    (path / "result.json").unlink()
    assert trained_run.read(path, str(own)).own_scores == {}


@buckets.needs_client
@pytest.mark.parametrize("read", READERS)
def test_a_run_in_a_bucket_is_fetched_once(
    trained, tmp_path, monkeypatch, read
):
    with buckets.emulated(monkeypatch, tmp_path) as server:
        server.put_folder("runs/one", trained("regression"))
        assert read(buckets.NAME).name == "one"
        assert server.listed == [buckets.PATH]
        del server.objects[f"{buckets.PATH}record.json"]
        with pytest.raises(UserError, match=f"^{buckets.NAME} holds no run"):
            read(buckets.NAME)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("config.json", {"colour": 1}, "config.json is not this version's"),
        ("record.json", {"data": {}}, "does not say what the run predicts"),
    ],
)
def test_another_versions_run_is_refused(run_copy, read, name, change, words):
    runs.rewrite(run_copy / name, change)
    with pytest.raises(UserError, match=words):
        read(str(run_copy))


def test_rows_that_the_record_tells_in_two_ways_are_refused(flowers, tmp_path):
    run_copy = tmp_path / "run"
    shutil.copytree(flowers[0], run_copy)
    data = json.loads((run_copy / "record.json").read_text())["data"]
    data["x"]["shape"] = [5]
    runs.rewrite(run_copy / "record.json", {"data": data})
    with pytest.raises(UserError, match=r"6 features of rows of shape \[5\]"):
        _ = trained_run.read(str(run_copy)).encoding


@pytest.mark.parametrize("step_secs", [-4e8, -7200, 7200])
def test_starts_are_in_order_however_the_clock_was_set(run_copy, step_secs):
    began = {"began_unix_secs": 1e9, "began_boot_secs": 10.0, "boot": "b"}
    ended = {"ended_unix_secs": 1e9 + 20.0 + step_secs, "ended_boot_secs": 30.0}
    now = {
        "began_unix_secs": 1e9 + 25.0 + step_secs,
        "began_boot_secs": 35.0,
        "boot": "b",
        "ended_unix_secs": 1e9 + 28.0 + step_secs,
        "ended_boot_secs": 38.0,
        "exit_code": 0,
    }
    first = {**began, **ended, "exit_code": 42}
    attempt = {"attempt": 2, "run_began_unix_secs": 1e9, **now}
    Workdir(run_copy).write_json(
        "attempt.json", {**attempt, "earlier": [first]}
    )
    run = stored_run.read(str(run_copy))
    assert run.starts == [(0.0, 20.0, 42), (25.0, 28.0, 0)]


def test_every_verb_tells_of_no_run_in_the_same_words(tmp_path, capsys):
    assert report.main([str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert f"{tmp_path} holds no run" in told
    flags = [f"--workdir={tmp_path}", "--input=rows.npy"]
    assert predict.main(flags) == 2
    assert capsys.readouterr().err == told
