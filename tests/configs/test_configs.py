"""The shipped configs: their form, and that each learns what it should."""

import ast
import importlib
import json
import pathlib
import statistics

import numpy as np
import pytest
from sklearn import datasets

import trainer.config
from tests import processes
from trainer import task
from trainer.config.validation import validate
from trainer.config.values import rules
from trainer.sources import mnist

ROOT = pathlib.Path(processes.ROOT)
FILES = sorted(
    path for path in (ROOT / "configs").glob("*.py") if path.stem != "__init__"
)
every_config = pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)


def train(workdir, config, *flags):
    """Runs a config; returns result.json."""
    arguments = [f"--config={config}", f"--workdir={workdir}"]
    quiet = "--config.log.tensorboard=false"
    assert task.main([*arguments, quiet, *flags]) == 0
    return json.loads((workdir / "result.json").read_text())


def score(workdir, config, *flags):
    """Runs a config; returns the test split's metrics."""
    return train(workdir, config, *flags)["evaluation"]["test"]


def your_data(workdir, folder):
    return score(workdir, "your_data", f"--data_dir={folder}")


@every_config
def test_a_config_is_valid(path):
    module = importlib.import_module(f"configs.{path.stem}")
    config = validate(module.get_config())
    assert config.problem in rules()["problem"].choices


@every_config
def test_a_config_is_of_30_to_60_lines(path):
    assert 30 <= len(path.read_text().splitlines()) <= 60


@every_config
def test_a_header_names_command_score_and_time(path):
    header = ast.get_docstring(ast.parse(path.read_text()))
    assert f"python -m trainer.task --config={path.stem}" in header or (
        f"python -m trainer.task --config=configs/{path.name}" in header
    )
    measured = header.count("\nScore: ") == header.count("\nTime: ") == 1
    assert measured or "NOT RUN on the real data" in header


@every_config
def test_a_config_imports_trainer_config_alone(path):
    for node in ast.walk(ast.parse(path.read_text())):
        assert not isinstance(node, ast.Import)
        if isinstance(node, ast.ImportFrom):
            assert node.module == "trainer.config"


@every_config
def test_a_config_sets_only_what_differs_from_the_defaults(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        assert isinstance(node.func, ast.Name)
        defaults = getattr(trainer.config, node.func.id)()
        for keyword in node.keywords:
            assert keyword.arg is not None
            if not isinstance(keyword.value, ast.Call):
                value = ast.literal_eval(keyword.value)
                assert value != getattr(defaults, keyword.arg), keyword.arg


def test_each_problem_and_each_source_has_a_config():
    configs = [
        importlib.import_module(f"configs.{path.stem}").get_config()
        for path in FILES
    ]
    assert {c.problem for c in configs} == set(rules()["problem"].choices)
    assert {c.data.source for c in configs} == set(
        rules()["data.source"].choices
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "metric", "floor"),
    [
        ("digits", "accuracy", 0.95),
        ("breast_cancer", "accuracy", 0.93),
        ("wine", "accuracy", 0.88),
        ("digits_attributes", "exact_match", 0.88),
        ("diabetes", "r2", 0.2),
        ("digits_ink", "r2", 0.75),
        ("digits_pixels", "d2", 0.45),
    ],
)
def test_a_config_scores_above_its_floor(tmp_path, config, metric, floor):
    assert score(tmp_path, config)[metric] >= floor


@pytest.mark.slow
def test_bounded_regression_learns_by_cross_entropy_too(tmp_path):
    loss = "--config.loss=binary_crossentropy"
    assert score(tmp_path, "digits_ink", loss)["r2"] >= 0.75


@pytest.mark.slow
def test_integer_and_one_hot_labels_give_the_same_result(tmp_path):
    results = [
        score(
            tmp_path / encoding,
            "digits",
            "--config.epochs=3",
            f"--config.label_encoding={encoding}",
        )
        for encoding in ("integer", "one_hot")
    ]
    assert results[0] == pytest.approx(results[1], abs=1e-5)


@pytest.mark.slow
def test_your_data_learns_a_small_table_with_names_for_labels(tmp_path):
    x, classes = datasets.make_blobs(
        100, n_features=4, centers=3, cluster_std=1.5, random_state=1
    )
    y = np.array(["ash", "beech", "oak"])[classes]
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "trees.npz", x_train=1000 * x, y_train=y)
    assert your_data(tmp_path / "run", tmp_path / "data")["accuracy"] >= 0.9


@pytest.mark.slow
def test_your_data_learns_targets_of_any_scale(tmp_path):
    x, y = datasets.make_regression(
        200, 10, n_informative=10, noise=10.0, random_state=0
    )
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "x_train.npy", x)
    np.save(tmp_path / "data" / "y_train.npy", 1e5 + 300 * y)
    assert your_data(tmp_path / "run", tmp_path / "data")["r2"] >= 0.9


def test_a_single_class_is_one_line(tmp_path, capsys):
    np.savez(
        tmp_path / "one.npz",
        x_train=np.eye(50, dtype=np.float32),
        y_train=np.zeros(50, int),
    )
    flags = ["--config=your_data", f"--data_dir={tmp_path}"]
    assert task.main([*flags, f"--workdir={tmp_path / 'run'}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("strata: y_train holds a single class")
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_your_data_learns_digits_with_inverted_colours(tmp_path, mnist_dir):
    splits = mnist.load_mnist(str(mnist_dir)).splits
    (tmp_path / "data").mkdir()
    for name, rows in (("train", 20_000), ("test", 10_000)):
        split = splits[name]
        np.save(tmp_path / "data" / f"x_{name}.npy", 255 - split.x[:rows])
        np.save(tmp_path / "data" / f"y_{name}.npy", split.y[:rows])
    assert your_data(tmp_path / "run", tmp_path / "data")["accuracy"] >= 0.93


@pytest.mark.slow
def test_the_course_recipe_scores_as_in_the_notes(tmp_path, mnist_dir):
    results = [
        train(
            tmp_path / str(seed),
            "mnist",
            f"--data_dir={mnist_dir}",
            f"--config.seed={seed}",
        )
        for seed in range(3)
    ]
    for result in results:
        assert result["parameters"] == 623_290
        assert (result["epoch"], result["steps_per_epoch"]) == (5, 469)
    scores = [r["evaluation"]["test"]["accuracy"] for r in results]
    assert min(scores) >= 0.976
    assert statistics.median(scores) >= 0.979


@pytest.mark.slow
def test_the_fast_config_reaches_the_course_recipe(tmp_path, mnist_dir):
    flag = f"--data_dir={mnist_dir}"
    assert score(tmp_path / "run", "mnist_fast", flag)["accuracy"] >= 0.976
