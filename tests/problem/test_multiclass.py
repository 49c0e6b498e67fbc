"""One class of several: labels, and figures that are scikit-learn's."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.problem.scored import dataset_of
from tests.problem.scored import evaluated
from tests.problem.scored import row_of
from trainer import sources
from trainer.config import Config
from trainer.model import network as networks
from trainer.problem import problems
from trainer.problem.multiclass import Multiclass
from trainer.problem.problem import Problem
from trainer.problem.problems import settle
from trainer.steps.evaluation import Evaluator


def test_its_row_of_the_table():
    row = ("softmax", "categorical_crossentropy", 3, "accuracy", np.int32)
    assert row_of("multiclass", [0, 2, 1]) == row


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40))
def test_one_hot_rows_are_the_classes_they_mark(classes):
    # All seven are there.
    classes = [*classes, *range(7)]
    config = Config(problem="multiclass")
    marked, from_marks = settle(config, dataset_of(np.eye(7)[classes]))
    plain, from_classes = settle(config, dataset_of(classes))
    assert marked.outputs == plain.outputs == 7
    for key in ("train", "test"):
        y = from_marks.splits[key].y
        np.testing.assert_array_equal(y, from_classes.splits[key].y)
        np.testing.assert_array_equal(y, classes)


@pytest.mark.parametrize(
    ("encoding", "loss", "one_hot"),
    [
        ("one_hot", "categorical_crossentropy", True),
        ("integer", "sparse_categorical_crossentropy", False),
    ],
)
def test_how_classes_reach_the_loss(encoding, loss, one_hot):
    config = Config(problem="multiclass", label_encoding=encoding)
    settled, _ = settle(config, dataset_of([0, 1, 2]))
    assert (settled.loss, settled.one_hot) == (loss, one_hot)


def test_a_name_without_a_training_row_is_no_class():
    names = ("a", "b", "c")
    settled, data = settle(
        Config(problem="multiclass"), dataset_of([0, 2, 0, 2], names)
    )
    assert (settled.outputs, settled.class_names) == (2, ("a", "c"))
    assert data.splits["train"].y.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "fields",
    [
        {"label_encoding": "integer"},
        {"label_encoding": "one_hot", "label_smoothing": 0.2},
        {"loss": "focal"},
    ],
)
@pytest.mark.parametrize("class_weight", [None, "0=3,1=0.5,2=1"])
def test_a_guess_has_the_mean_loss_of_its_rows(
    fields, class_weight, monkeypatch
):
    config = Config(problem="multiclass", **fields)
    config.data.class_weight = class_weight
    y = np.array([0, 1, 1, 2, 1, 0])
    counts = np.array([1, 0, 2, 1, 1, 1])
    problem, dataset = settle(config, dataset_of(y))
    train = dataclasses.replace(dataset.splits["train"], weights=counts)
    found = problem.guess_loss(train)
    # By each row, as problems are by default.
    monkeypatch.setattr(Multiclass, "_loss_of_guess", Problem._loss_of_guess)
    assert found == pytest.approx(problem.guess_loss(train), rel=1e-5)


def test_many_classes_take_no_matrix_of_them():
    y = np.arange(50_000)
    problem, dataset = settle(Config(problem="multiclass"), dataset_of(y))
    tracemalloc.start()
    try:
        loss = problem.guess_loss(dataset.splits["train"])
        rows = problem.as_outputs(y[:12])
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert loss == pytest.approx(np.log(10_000), rel=1e-5)
    assert rows.shape == (12, 50_000)
    assert rows.argmax(axis=1).tolist() == list(range(12))
    assert most_bytes < 2**25


def log_loss(y, p):
    # In float64 the float32 rows no longer add up to 1.
    p = np.float64(p)
    return sklearn.metrics.log_loss(y, p / p.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("encoding", ["one_hot", "integer"])
def test_figures_are_scikit_learns(encoding):
    values, y, p, _ = evaluated("multiclass", "wine", label_encoding=encoding)
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": log_loss(y, p),
            "accuracy": sklearn.metrics.accuracy_score(y, p.argmax(axis=1)),
        },
        abs=1e-6,
    )


def test_an_answer_is_the_most_probable_class():
    problem, _ = settle(Config(problem="multiclass"), dataset_of([0, 1, 2]))
    outputs = np.array([[0.2, 0.3, 0.5], [0.5, 0.5, 0.0]], np.float32)
    assert problem.decide(outputs).tolist() == [2, 0]
    assert problem.served(outputs)["class"].numpy().tolist() == [2, 0]
    assert problem.is_tie(outputs, 1e-5).tolist() == [False, True]
    wrongness = problem.wrongness(outputs, np.array([2, 1]))
    assert wrongness.tolist() == [0, 0.5]


def test_all_10000_test_images_are_scored(mnist_dir):
    config = Config(
        problem="multiclass",
        steps=1,
    )
    config.data.source = "mnist"
    config.evaluation.global_batch_size = 32
    dataset = sources.load(config.data, seed=0, data_dir=str(mnist_dir))
    problem, dataset = problems.settle(config, dataset)
    strategy = tf.distribute.get_strategy()
    network = networks.build(config, problem, dataset, strategy, 1)
    values = Evaluator(strategy, network, config, dataset)("test")
    split = dataset.splits["test"]
    p = network.model(network.normalization(tf.constant(split.x))).numpy()
    assert values["examples"] == 10_000
    assert (
        round(values["accuracy"] * 10_000)
        == (p.argmax(axis=1) == split.y).sum()
    )
