"""Loss and metrics as sums that replicas add and the host divides once.

A step returns sums over its rows, rows of weight 0 left out. Sums of steps are
added in Python floats, so that neither the batch, nor the chunk, nor the number
of replicas shows in a result but by the rounding within a batch.
"""

import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from trainer.problem.problems import Problem

# Scores are binned by the leading bits of their float32, counted from the
# nearer end of [0, 1]: 2 ** 7 bins in every factor of 2 of the distance to it,
# down to 2 ** -31.
_DROPPED_BITS = 16
_NEAREST = np.float32(2**-31)
_FIRST_BIN = int(_NEAREST.view(np.int32)) >> _DROPPED_BITS
_HALF_BINS = (int(np.float32(0.5).view(np.int32)) >> _DROPPED_BITS) - _FIRST_BIN
SCORE_BINS = 2 * (_HALF_BINS + 1)


def prepare_targets(problem: Problem, y: tf.Tensor) -> tf.Tensor:
    """Returns labels as the loss takes them: float32 [rows, outputs] or int.

    Args:
      problem: the settled problem.
      y: labels as `problems.settle` left them.
    """
    if problem.one_hot:
        return tf.one_hot(y, problem.outputs)
    if problem.type == "multiclass":
        return y
    y = tf.reshape(tf.cast(y, tf.float32), [-1, problem.outputs])
    if problem.target_mean is not None:
        y = (y - problem.target_mean) / problem.target_std
    return y


def row_losses(problem: Problem, y: tf.Tensor, p: tf.Tensor) -> tf.Tensor:
    """Returns the loss of each row, float32 [rows].

    Args:
      problem: the settled problem.
      y: targets from `prepare_targets`.
      p: the model's output, float32 [rows, outputs].
    """
    return getattr(keras.losses, problem.loss)(y, p)


def sum_names(problem: Problem) -> tuple[str, ...]:
    """Names the entries of the vector that `step_sums` returns."""
    if problem.type == "binary":
        return ("loss", "correct", "hits", "found", "positives")
    if problem.type == "multiclass":
        return ("loss", "correct")
    if problem.type == "multilabel":
        return ("loss", "correct", "hits", "found", "positives", "exact")
    names = ("squared", "absolute", "target", "target_squared")
    return (
        "loss",
        *(f"{name}_{i}" for name in names for i in range(problem.outputs)),
    )


def step_sums(
    problem: Problem,
    y: tf.Tensor,
    p: tf.Tensor,
    losses: tf.Tensor,
    weight: tf.Tensor,
) -> tf.Tensor:
    """Returns the sums over one batch, float32 [len(sum_names(problem))].

    Args:
      problem: the settled problem.
      y: targets from `prepare_targets`.
      p: the model's output, float32 [rows, outputs].
      losses: float32 [rows].
      weight: float32 [rows], 1 for a row that counts and 0 for padding.
    """
    loss = tf.reduce_sum(losses * weight)
    if problem.type == "multiclass":
        truth = tf.argmax(y, -1) if problem.one_hot else tf.cast(y, tf.int64)
        hit = tf.cast(tf.argmax(p, -1) == truth, tf.float32)
        return tf.stack([loss, tf.reduce_sum(hit * weight)])
    if problem.type in ("binary", "multilabel"):
        return _mark_sums(problem, y, p, loss, weight)
    error, column = p - y, weight[:, None]
    assert problem.target_center is not None
    # From the training mean: sums of squares far from 0 would cancel.
    y = y - (problem.target_center - problem.target_mean) / problem.target_std
    sums = [error**2, tf.abs(error), y, y**2]
    return tf.concat(
        [[loss], *(tf.reduce_sum(s * column, axis=0) for s in sums)], axis=0
    )


def _mark_sums(
    problem: Problem,
    y: tf.Tensor,
    p: tf.Tensor,
    loss: tf.Tensor,
    weight: tf.Tensor,
) -> tf.Tensor:
    found = tf.cast(p > 0.5, tf.float32)
    right = tf.cast(tf.equal(found, y), tf.float32)
    marks = [right, found * y, found, y]
    sums = [tf.reduce_sum(m * weight[:, None]) for m in marks]
    if problem.type == "multilabel":
        sums.append(tf.reduce_sum(tf.reduce_min(right, axis=1) * weight))
    return tf.stack([loss, *sums])


def has_scores(problem: Problem) -> bool:
    """Whether an evaluation counts scores in bins, for `auc`."""
    return "auc" in problem.metrics


def score_counts(
    problem: Problem, y: tf.Tensor, p: tf.Tensor, weight: tf.Tensor
) -> tf.Tensor:
    """Counts rows by label, truth and score.

    Returns:
      float32 [outputs, 2, SCORE_BINS], exact below 2 ** 24 rows a batch.
    """
    # 1 - p is exact for p in [0.5, 1] (Sterbenz), so no score is blurred here.
    end = tf.clip_by_value(tf.where(p < 0.5, p, 1 - p), _NEAREST, 0.5)
    bits = tf.bitcast(end, tf.int32)
    bins = tf.bitwise.right_shift(bits, _DROPPED_BITS) - _FIRST_BIN
    bins = tf.where(p < 0.5, bins, SCORE_BINS - 1 - bins)
    label = tf.range(problem.outputs)[None, :]
    place = (2 * label + tf.cast(y, tf.int32)) * SCORE_BINS + bins
    counted = weight[:, None] * tf.ones_like(p)
    counts = tf.math.unsorted_segment_sum(
        tf.reshape(counted, [-1]),
        tf.reshape(place, [-1]),
        problem.outputs * 2 * SCORE_BINS,
    )
    return tf.reshape(counts, [problem.outputs, 2, SCORE_BINS])


def auc(counts: np.ndarray) -> float:
    """The area under the ROC curve, from binned scores.

    The Mann-Whitney form: the share of (positive, negative) pairs in which the
    positive scores higher, pairs in one bin counting half. Hence it is off by
    no more than half the share of pairs that lie in one bin. Labels are
    averaged; one that lacks positives or negatives is left out.

    Args:
      counts: int [outputs, 2, bins], negatives at [:, 0] and positives at
        [:, 1].

    Returns:
      The area, or NaN where no label has both.
    """
    areas = []
    for negatives, positives in counts.astype(np.float64):
        pairs = negatives.sum() * positives.sum()
        if pairs:
            below = np.cumsum(negatives) - negatives / 2
            areas.append(float((positives * below).sum() / pairs))
    return float(np.mean(areas)) if areas else float("nan")


def values(
    problem: Problem,
    sums: Mapping[str, float],
    examples: int,
    scores: np.ndarray | None = None,
) -> dict[str, float]:
    """Divides sums once, in Python floats.

    Args:
      problem: the settled problem.
      sums: by the names of `sum_names`.
      examples: rows of weight 1 that were summed.
      scores: int [outputs, 2, SCORE_BINS] where the rows' scores were counted.

    Returns:
      "loss" and the problem's metrics; precision, recall and F1 are 0 where
      nothing was found or nothing was there, as in scikit-learn. "auc" is
      left out where no label has both positives and negatives.
    """
    result = {"loss": sums["loss"] / examples}
    marks = examples * problem.outputs
    if problem.type in ("binary", "multiclass"):
        result["accuracy"] = sums["correct"] / examples
    if problem.type == "binary":
        result["precision"] = _ratio(sums["hits"], sums["found"])
        result["recall"] = _ratio(sums["hits"], sums["positives"])
    if problem.type == "multilabel":
        result["binary_accuracy"] = sums["correct"] / marks
        result["exact_match"] = sums["exact"] / examples
        result["f1_micro"] = _ratio(
            2 * sums["hits"], sums["found"] + sums["positives"]
        )
    if scores is not None and not math.isnan(area := auc(scores)):
        result["auc"] = area
    if problem.target_std is not None:
        result.update(_errors(problem, sums, examples))
    return result


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _errors(
    problem: Problem, sums: Mapping[str, float], examples: int
) -> dict[str, float]:
    """Mean errors in the target's own units, outputs weighing alike."""
    assert problem.target_std is not None
    outputs = range(problem.outputs)
    std = [float(s) for s in problem.target_std]
    squared = [sums[f"squared_{i}"] for i in outputs]
    spread = [
        sums[f"target_squared_{i}"] - sums[f"target_{i}"] ** 2 / examples
        for i in outputs
    ]
    # As scikit-learn's r2_score: a constant target scores 1 if met, else 0.
    r2 = [
        1 - s / v if v > 1e-12 * examples else float(s == 0)
        for s, v in zip(squared, spread, strict=True)
    ]
    count = examples * problem.outputs
    return {
        "mse": sum(s * d**2 for s, d in zip(squared, std, strict=True)) / count,
        "mae": sum(sums[f"absolute_{i}"] * std[i] for i in outputs) / count,
        "r2": sum(r2) / problem.outputs,
    }
