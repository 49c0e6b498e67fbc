"""Scores a run on a split: the trainer's own numbers, and each row's output."""

import dataclasses
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from trainer.finished.trained_run import TrainedRun
from trainer.model import optimizers
from trainer.problem import baselines
from trainer.serving.load import build_network
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.steps.evaluation import Evaluator

# What the evaluator calls the one split that it gets: it skips "train".
_SCORED = "scored"


class Scored(NamedTuple):
    """What is told of a split.

    Attributes:
      values: loss and metrics, as a result.json has them.
      weights_sha256: of the network.
      detail: the parts of `Problem.detail`, and "baselines" as
        `baselines.compare` has them, where it has any.
    """

    values: dict[str, float]
    weights_sha256: str
    detail: dict[str, Any]


def score(
    stored: TrainedRun,
    split: Split,
    target_center: np.ndarray | None,
    own: Dataset | None,
    strategy: tf.distribute.Strategy,
    on_chunk: Callable[[], None] = lambda: None,
) -> Scored:
    """Scores a split on a strategy, each row once.

    Args:
      stored: the run.
      split: its labels as `Problem.convert` left them.
      target_center: that of the problem that was settled for the data.
      own: the data that the run was trained on, to hold the score against
        guessing; None where it is not there.
      strategy: that the batches are spread by.
      on_chunk: called after each chunk of batches.
    """
    problem = dataclasses.replace(stored.problem, target_center=target_center)
    optimizers.set_precision(stored.config.precision)
    with strategy.scope():
        network = build_network(dataclasses.replace(stored, problem=problem))
    evaluate = Evaluator(
        strategy, network, stored.config, Dataset("", {_SCORED: split}, "")
    )
    values = evaluate(_SCORED, on_chunk)
    outputs = evaluate.outputs(_SCORED)
    assert outputs is not None
    detail = problem.detail(outputs, split.labels())
    found = own and baselines.compare(
        problem,
        own,
        split,
        outputs,
        normalized=network.normalization.in_float64,
    )
    if found:
        detail["baselines"] = found
    return Scored(values, network.sha256(), detail)
