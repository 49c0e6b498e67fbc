"""Sums divided once equal scikit-learn's figures on the same predictions."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests import stepping
from trainer import sources
from trainer.config import Config
from trainer.model import network as networks
from trainer.problem import metrics
from trainer.problem import problems
from trainer.steps.evaluation import Evaluator

SOURCES = {
    "binary": "breast_cancer",
    "multiclass": "wine",
    "multilabel": "digits_attributes",
    "regression": "diabetes",
    "bounded_regression": "digits_ink",
}


def evaluated(problem_type, **fields):
    """Evaluates an untrained network; returns its score, labels, outputs."""
    config = stepping.config_of(
        {
            "problem": problem_type,
            "data.source": SOURCES[problem_type],
            "evaluation.global_batch_size": 7,
            **fields,
        }
    )
    problem, dataset = stepping.load(config)
    strategy = tf.distribute.get_strategy()
    network = networks.build(config, problem, dataset, strategy, 1)
    values = Evaluator(strategy, network, config, dataset)("test")
    split = dataset.splits["test"]
    x = split.x if split.rows is None else split.x[split.rows]
    inputs = network.normalization(tf.constant(x))
    return values, split.labels(), network.model(inputs).numpy(), problem


def log_loss(y, p):
    # In float64 the float32 rows no longer add up to 1.
    p = np.float64(p)
    return sklearn.metrics.log_loss(y, p / p.sum(axis=1, keepdims=True))


def test_binary_figures_are_scikit_learns():
    values, y, p, _ = evaluated("binary")
    found = p[:, 0] > 0.5
    scores = sklearn.metrics
    assert values["examples"] == len(y)
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": scores.log_loss(y, np.float64(p[:, 0])),
            "accuracy": scores.accuracy_score(y, found),
            "precision": scores.precision_score(y, found, zero_division=0),
            "recall": scores.recall_score(y, found, zero_division=0),
            "auc": values["auc"],
        },
        abs=1e-6,
    )
    assert values["auc"] == pytest.approx(
        scores.roc_auc_score(y, p[:, 0]), abs=auc_error(y[:, None], p)
    )


@pytest.mark.parametrize("encoding", ["one_hot", "integer"])
def test_multiclass_figures_are_scikit_learns(encoding):
    values, y, p, _ = evaluated("multiclass", label_encoding=encoding)
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": log_loss(y, p),
            "accuracy": sklearn.metrics.accuracy_score(y, p.argmax(axis=1)),
        },
        abs=1e-6,
    )


def test_multilabel_figures_are_scikit_learns():
    values, y, p, _ = evaluated("multilabel")
    found = p > 0.5
    scores = sklearn.metrics
    losses = [
        scores.log_loss(y[:, i], np.float64(p[:, i]), labels=[0, 1])
        for i in range(y.shape[1])
    ]
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": np.mean(losses),
            "binary_accuracy": (found == y).mean(),
            "exact_match": scores.accuracy_score(y, found),
            "f1_micro": scores.f1_score(y, found, average="micro"),
            "auc": values["auc"],
        },
        abs=1e-6,
    )
    assert values["auc"] == pytest.approx(
        scores.roc_auc_score(y, p, average="macro"), abs=auc_error(y, p)
    )


@pytest.mark.parametrize("problem_type", ["regression", "bounded_regression"])
def test_regression_figures_are_scikit_learns(problem_type):
    values, y, p, problem = evaluated(problem_type)
    in_units = p * problem.target_std + problem.target_mean
    scores = sklearn.metrics
    assert values["mse"] == pytest.approx(
        scores.mean_squared_error(y, in_units), rel=1e-6
    )
    assert values["mae"] == pytest.approx(
        scores.mean_absolute_error(y, in_units), rel=1e-6
    )
    assert values["r2"] == pytest.approx(scores.r2_score(y, in_units), abs=1e-6)


def test_targets_far_from_0_keep_their_r2():
    values, y, p, _ = evaluated(
        "regression", **{"data.target_normalization": "none"}
    )
    exact = sklearn.metrics.r2_score(y, p)
    assert values["r2"] == pytest.approx(exact, rel=1e-6)
    center = np.array([1e5], np.float32)
    problem = problems.Problem(
        "regression",
        "linear",
        "mean_squared_error",
        ("mse", "mae", "r2"),
        1,
        False,
        (),
        np.zeros(1, np.float32),
        np.ones(1, np.float32),
        center,
    )
    rng = np.random.default_rng(0)
    y = (1e5 + 5 * rng.standard_normal((500, 1))).astype(np.float32)
    p = y + rng.standard_normal((500, 1)).astype(np.float32)
    sums = metrics.step_sums(
        problem, tf.constant(y), tf.constant(p), tf.zeros(500), tf.ones(500)
    )
    named = dict(
        zip(metrics.sum_names(problem), sums.numpy().tolist(), strict=True)
    )
    assert metrics.values(problem, named, 500)["r2"] == pytest.approx(
        sklearn.metrics.r2_score(y, p), abs=1e-6
    )


def auc_error(y, p):
    """The stated bound: half the share of pairs that lie in one bin."""
    counts = count(y, p)
    both = (counts[:, 0] * counts[:, 1]).sum(axis=1)
    pairs = counts[:, 0].sum(axis=1) * counts[:, 1].sum(axis=1)
    return float(np.mean(both / pairs) / 2) + 1e-12


def count(y, p):
    outputs = p.shape[1]
    problem = problems.Problem("multilabel", "", "", (), outputs, False, ())
    return metrics.score_counts(
        problem,
        tf.constant(y, tf.float32),
        tf.constant(p, tf.float32),
        tf.ones(len(p)),
    ).numpy()


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 1, width=32)),
        min_size=2,
        max_size=50,
    ).filter(lambda rows: len({truth for truth, _ in rows}) == 2)
)
@settings(max_examples=100)
def test_the_area_is_within_its_stated_error(rows):
    y = np.array([[truth] for truth, _ in rows], np.float32)
    p = np.array([[score] for _, score in rows], np.float32)
    exact = sklearn.metrics.roc_auc_score(y[:, 0], p[:, 0])
    assert metrics.auc(count(y, p)) == pytest.approx(exact, abs=auc_error(y, p))


def test_a_constant_target_scores_as_in_scikit_learn():
    problem = problems.Problem(
        "regression", "", "", (), 1, False, (), np.zeros(1), np.ones(1)
    )
    names = metrics.sum_names(problem)
    met = dict.fromkeys(names, 0.0) | {
        "target_0": 6.0,
        "target_squared_0": 12.0,
    }
    assert metrics.values(problem, met, 3)["r2"] == 1.0
    missed = met | {"squared_0": 3.0}
    assert metrics.values(problem, missed, 3)["r2"] == 0.0


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
