"""What a run says of itself, read back as its users read it."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.curves import events
from tests.curves import scalars
from trainer import sources
from trainer import task
from trainer.config import DataConfig

FLAGS = (
    "--config=digits",
    "--config.epochs=2",
    "--config.log.every_steps=20",
    "--config.evaluation.test_each_time=true",
)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    path = tmp_path_factory.mktemp("journal") / "run"
    assert task.main([*FLAGS, f"--workdir={path}"]) == 0
    return path


def lines(workdir, split):
    text = (workdir / "metrics.jsonl").read_text()
    parsed = [json.loads(line) for line in text.splitlines()]
    return [line for line in parsed if line["split"] == split]


def test_train_lines_stand_at_each_interval_and_epoch_end(workdir):
    result = json.loads((workdir / "result.json").read_text())
    per_epoch = result["steps_per_epoch"]
    last = result["step"]
    expected = sorted({*range(20, last + 1, 20), per_epoch, last})
    train = lines(workdir, "train")
    assert [line["step"] for line in train] == expected
    assert [line["epoch"] for line in train] == [
        1 if step <= per_epoch else 2 for step in expected
    ]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("tag", ["loss", "accuracy"])
def test_tensorboard_holds_the_numbers_of_metrics_jsonl(workdir, split, tag):
    shown = scalars(workdir / split, tag)
    logged = [(line["step"], line[tag]) for line in lines(workdir, split)]
    assert [step for step, _ in shown] == [step for step, _ in logged]
    np.testing.assert_allclose(
        [value for _, value in shown], [v for _, v in logged], rtol=1e-6
    )


def test_the_result_is_the_last_evaluation(workdir):
    result = json.loads((workdir / "result.json").read_text())
    for split in ("validation", "test"):
        last = lines(workdir, split)[-1]
        for name, value in result["evaluation"][split].items():
            assert name == "examples" or last[name] == value


def test_tensorboard_has_rate_speed_config_graph_and_images(workdir):
    tags = events(workdir / "train").Tags()
    assert {"learning_rate", "examples_per_sec"} <= set(tags["tensors"])
    assert tags["graph"]
    (config,) = events(workdir / "train").Tensors("config")
    text = tf.make_ndarray(config.tensor_proto).item().decode()
    assert "| optimizer.learning_rate |" in text
    (images,) = events(workdir / "train").Tensors("first_images")
    # Width and height, then the pictures.
    assert tf.make_ndarray(images.tensor_proto).shape == (2 + 4,)


def test_tensorboard_ends_with_the_threshold_that_was_fitted(tmp_path):
    flags = [
        "--config=breast_cancer",
        "--config.epochs=5",
        "--config.evaluation.threshold=0.999",
        "--config.evaluation.threshold_by=f1",
        f"--workdir={tmp_path / 'run'}",
    ]
    assert task.main(flags) == 0
    detail = json.loads((tmp_path / "run" / "detail.json").read_text())
    (row,) = [r for r in detail["per_class"] if r["class"] == "benign"]
    for name in ("precision", "recall"):
        shown = scalars(tmp_path / "run" / "test", f"{name}/benign")
        assert shown[-1][1] == pytest.approx(row[name], rel=1e-6)


def test_the_first_four_images_are_saved(workdir):
    png = tf.io.decode_png((workdir / "first_images.png").read_bytes())
    dataset = sources.load(
        DataConfig(source="digits", validation_fraction=0.1),
        seed=42,
        data_dir=None,
    )
    train = dataset.splits["train"]
    assert train.rows is not None
    first = train.x[np.sort(train.rows)[:4]]
    grid = np.block([[first[0], first[1]], [first[2], first[3]]])
    zoom = png.shape[0] // 16
    shown = np.asarray(png)[::zoom, ::zoom, 0]
    np.testing.assert_array_equal(shown, np.round(grid / 16 * 255))


@pytest.mark.slow
def test_the_last_line_is_the_score(tmp_path, capsys):
    assert task.main([*FLAGS, f"--workdir={tmp_path / 'run'}"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"MLP score: \d+\.\d\d%", last)


def test_config_and_record_say_what_ran(workdir):
    config = json.loads((workdir / "config.json").read_text())
    assert config["epochs"] == 2
    assert config["optimizer"]["name"] == "adam"
    record = json.loads((workdir / "record.json").read_text())
    assert record["packages"]["tensorflow"] == tf.__version__
    assert record["topology"]["replicas"] == 1
    assert record["data"]["examples"].keys() == {"train", "validation", "test"}


def test_goodput_adds_up_to_the_wall_time(workdir):
    result = json.loads((workdir / "result.json").read_text())
    timing = result["timing"]
    # In this process main() was not the first thing to run, but both count
    # from the start of the process.
    assert sum(result["goodput"].values()) == pytest.approx(
        timing["process_secs"], rel=0.01
    )
    assert len(timing["epoch_secs"]) == 2
    assert sum(timing["epoch_secs"]) <= timing["train_secs"]


def test_a_loss_that_diverges_is_told_once_in_log_and_tensorboard(
    tmp_path, capsys
):
    flags = (
        "--config=digits",
        "--config.epochs=8",
        "--config.log.every_steps=20",
        "--config.log.report=false",
        "--config.optimizer.name=sgd",
        "--config.optimizer.momentum=0.9",
        # Learns while the rate is small, and then no more.
        "--config.optimizer.learning_rate=8",
        "--config.optimizer.schedule.name=linear",
        "--config.optimizer.schedule.warmup_fraction=0.9",
    )
    assert task.main([*flags, f"--workdir={tmp_path}/run"]) == 0
    printed = capsys.readouterr().out
    (line,) = re.findall("^WARNING: (diverging.*)$", printed, re.MULTILINE)
    event, *_ = events(tmp_path / "run" / "train").Tensors("alerts")
    assert event.tensor_proto.string_val == [line.encode()]
    assert line.startswith(f"diverging at step {event.step}: ")
