"""What a problem says of made labels, and of real rows."""

import numpy as np
import tensorflow as tf

from tests import stepping
from trainer.config import Config
from trainer.model import network as networks
from trainer.problem.problems import settle
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.steps.evaluation import Evaluator


def dataset_of(y, class_names=(), **others):
    """Returns a table of these labels; of two splits, unless more are given."""
    labels = {"train": y, "test": y, **others}
    return Dataset(
        name="made",
        splits={
            key: Split(np.zeros((len(each), 1)), np.asarray(each))
            for key, each in labels.items()
        },
        kind="table",
        class_names=class_names,
    )


def row_of(problem_type, y):
    """Settles a type for labels; returns its row of the table.

    Its labels must come out as they went in, of one shape and dtype.
    """
    settled, dataset = settle(Config(problem=problem_type), dataset_of(y))
    assert settled.type == problem_type
    for split in dataset.splits.values():
        wide = problem_type not in ("binary", "multiclass")
        shape = (len(y), settled.outputs) if wide else (len(y),)
        assert split.y.shape == shape
        np.testing.assert_allclose(split.y.ravel(), np.ravel(y), rtol=1e-6)
    return (
        settled.activation,
        settled.loss,
        settled.outputs,
        settled.score,
        split.y.dtype,
    )


def scale_of(problem_type, chosen, y):
    """Returns (mean, std) by which targets are trained on."""
    config = Config(problem=problem_type)
    config.data.target_normalization = chosen
    settled, _ = settle(config, dataset_of(y, test=y[:1]))
    assert settled.target_std.dtype == np.float32
    return settled.target_mean.tolist(), settled.target_std.tolist()


def evaluated(problem_type, source, **fields):
    """Evaluates an untrained network on a source's test split.

    Returns:
      (its values, labels, outputs in the target's own units, the problem).
    """
    config = stepping.config_of(
        {
            "problem": problem_type,
            "data.source": source,
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
    outputs = problem.in_units(network.model(inputs).numpy())
    return values, split.labels(), outputs, problem


def values_of(problem, y, p):
    """Returns the metrics of targets and outputs, as an evaluation has them."""
    sums = problem.step_sums(
        tf.constant(y), tf.constant(p), tf.zeros(len(y)), tf.ones(len(y))
    )
    named = dict(zip(problem.sum_names, sums.numpy().tolist(), strict=True))
    return problem.values(named, len(y))
