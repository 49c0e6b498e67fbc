"""The trainer as Vertex AI starts it: by an environment, without a workdir."""

import json

import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from trainer import task


@pytest.fixture
def trial(tmp_path, monkeypatch):
    """What a trial of a tuning finds, its folders on this machine."""
    base = tmp_path / "base" / "1"
    told = {
        "cluster": {"chief": ["training-workerpool0-ab-0:2222"]},
        "environment": "cloud",
        "job": {"workerPoolSpecs": []},
        "task": {"type": "chief", "index": 0, "trial": "1", "cloud": "x"},
    }
    environment = {
        "AIP_CHECKPOINT_DIR": f"{base}/checkpoints/",
        "AIP_MODEL_DIR": f"{base}/model/",
        "AIP_TENSORBOARD_LOG_DIR": f"{base}/logs/",
        "CLOUD_ML_HP_METRIC_FILE": f"{tmp_path}/hypertune/output.metrics",
        "CLOUD_ML_TRIAL_ID": "1",
        "CLUSTER_SPEC": "{}",
        "TF_CONFIG": json.dumps(told),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return base


def test_a_trial_keeps_its_run_where_vertex_ai_wants_it(
    trial, tmp_path, monkeypatch, capsys
):
    flags = ["--config=wine", "--config.epochs=1", "--config.log.report=False"]
    assert task.main(flags) == 0
    result = json.loads((trial / "result.json").read_text())
    assert list((trial / "checkpoints").glob("step_*/manifest.json"))
    assert list((trial / "logs").glob("validation/events.out.tfevents.*"))
    assert not (trial / "validation").exists()
    assert (trial / "model" / "saved_model.pb").exists()
    lines = (tmp_path / "hypertune/output.metrics").read_text().splitlines()
    scores = [json.loads(line) for line in lines]
    last = [s["test_accuracy"] for s in scores if "test_accuracy" in s][-1]
    assert float(last) == result["evaluation"]["test"]["accuracy"]
    assert scores[-1]["trial"] == "1"
    assert {s["global_step"] for s in scores} >= {str(result["step"])}
    # Started again by Vertex AI, the run is finished.
    monkeypatch.setenv("TF_CONFIG", "{}")
    capsys.readouterr()
    assert task.main(flags) == 0
    assert f"{trial} is finished at step" in capsys.readouterr().out


@pytest.mark.parametrize("test_each_time", [False, True])
def test_what_is_told_last_is_the_score_of_the_chosen_weights(
    trial, tmp_path, test_each_time
):
    flags = (
        "--config=wine",
        "--config.epochs=3",
        "--config.log.report=False",
        "--config.evaluation.select_by=loss",
        # No evaluation is better than the first by so much.
        "--config.evaluation.min_delta=100",
        f"--config.evaluation.test_each_time={test_each_time}",
    )
    assert task.main([*flags]) == 0
    result = json.loads((trial / "result.json").read_text())
    assert result["best_step"] < result["step"]
    lines = (trial / "metrics.jsonl").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    tuned = (tmp_path / "hypertune/output.metrics").read_text().splitlines()
    final = event_accumulator.EventAccumulator(str(trial / "logs"))
    final.Reload()
    for split, scores in result["evaluation"].items():
        at = {
            line["step"]: line["loss"]
            for line in told
            if line["split"] == split
        }
        assert at[result["best_step"]] == scores["loss"]
        is_each = split == "validation" or test_each_time
        assert len(at) == (3 if is_each else 1)
        values = [json.loads(line).get(f"{split}_loss") for line in tuned]
        assert [float(v) for v in values if v][-1] == scores["loss"]
        (event,) = final.Tensors(f"final/{split}/loss")
        shown = tf.make_ndarray(event.tensor_proto)
        assert shown == pytest.approx(scores["loss"])


def test_an_evaluator_has_nothing_to_do(trial, monkeypatch, capsys):
    told = {"cluster": {}, "task": {"type": "evaluator", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(told))
    assert task.main(["--config=wine"]) == 0
    assert "a run scores itself" in capsys.readouterr().out
    assert not trial.exists()
