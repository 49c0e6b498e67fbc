"""What is fitted after training, on validation rows: threshold, temperature.

NumPy alone.
"""

import math
from collections.abc import Callable

import numpy as np

from trainer.problem import linear
from trainer.problem.curves import rank

USUAL_THRESHOLD = 0.5
# Temperatures are looked for between these.
_LEAST, _MOST = 1 / 20, 20.0
_NARROWINGS = 60
_TINY = 1e-30
_LEAST_CHANCE = 2.0**-24


def best_threshold(
    marks: np.ndarray, chances: np.ndarray, metric: str
) -> float:
    """Returns the threshold above which rows are told to be positive.

    The best of a few rows is that of other rows by luck alone: what a
    threshold finds is counted by the share of positives that a logistic curve
    expects at each chance, not by the marks. Chosen by 25 positives among
    640 rows, what is found of new positives varies a third as much.

    Args:
      marks: 0 or 1, [rows].
      chances: float32 [rows], of a 1.
      metric: "accuracy", "balanced_accuracy" or "f1" of the positive class,
        whose expectation it makes greatest; of several the nearest to 1/2.
    """
    if marks.min() == marks.max():
        return USUAL_THRESHOLD
    levels, found, _ = rank(marks, chances)
    shares = _expected(marks, chances, levels)
    # The first threshold is one that no chance is above.
    hits = np.append(0, np.cumsum(shares * np.diff(found, prepend=0)))
    found = np.append(0, found)
    positives = hits[-1]
    negatives = len(marks) - positives
    true_negatives = negatives - (found - hits)
    values = {
        "accuracy": (hits + true_negatives) / len(marks),
        "balanced_accuracy": hits / positives + true_negatives / negatives,
        "f1": 2 * hits / (found + positives),
    }[metric]
    below = np.append(levels[1:], 0).astype(np.float32)
    middle = ((levels + below) / 2).astype(np.float32)
    thresholds = np.where(middle < levels, middle, below)
    highest = np.maximum(levels[0], np.float32(USUAL_THRESHOLD))
    thresholds = np.append(highest, thresholds)
    best = thresholds[values == values.max()]
    return float(best[np.argmin(np.abs(best - USUAL_THRESHOLD))])


def _expected(
    marks: np.ndarray, chances: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Returns the share of 1s that is expected at some chances.

    J. Platt 1999, Probabilistic outputs for support vector machines: a
    logistic curve of the logits, here with a penalty on its slope.

    Args:
      marks: 0 or 1, [rows].
      chances: float32 [rows].
      levels: float32 [levels], those that are asked for.

    Returns:
      float64 [levels].
    """
    logits = _logits(chances)
    mean, spread = logits.mean(), logits.std() or 1.0
    curve = linear.fit(
        ((logits - mean) / spread)[:, None],
        marks[:, None].astype(np.float64),
        "sigmoid",
        np.ones(len(marks)),
    )
    return curve.predict(((_logits(levels) - mean) / spread)[:, None])[:, 0]


def _logits(chances: np.ndarray) -> np.ndarray:
    # Beyond this a float32 near 1 has no other neighbour than 1.
    inner = np.clip(np.float64(chances), _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    return np.log(inner) - np.log1p(-inner)


def best_temperature(loss: Callable[[float], float]) -> float:
    """Returns the temperature of the least loss, by golden sections.

    C. Guo and others 2017, On calibration of modern neural networks, section
    4.2: logits are divided by one number, which changes no order.

    Args:
      loss: from a temperature to the mean loss; of one minimum.
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(_LEAST), math.log(_MOST)
    for _ in range(_NARROWINGS):
        first = high - ratio * (high - low)
        second = low + ratio * (high - low)
        if loss(math.exp(first)) < loss(math.exp(second)):
            high = second
        else:
            low = first
    # A float32, as the weights are that are divided by it.
    return float(np.float32(math.exp((low + high) / 2)))


def logs(chances: np.ndarray) -> np.ndarray:
    """Returns logarithms in float64, of 0 those of what is next to nothing."""
    return np.log(np.maximum(chances.astype(np.float64), _TINY))
