"""Columns that score almost as well alone as all together. NumPy alone.

Such a column may give the answer away: a code that was noted after the outcome,
or the outcome in other words.
"""

from typing import NamedTuple

import numpy as np

from trainer.problem import baselines
from trainer.problem.explanations import columns_of
from trainer.problem.problem import Problem
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.dataset import evenly_spaced
from trainer.tables.cells import LARGEST

# Of what all columns gain on guessing, a suspect gains this share alone.
ALMOST = 0.95
# Where all gain less of what can be gained, there is nothing to give away.
LEAST_GAIN = 0.5
LEAST_COLUMNS = 3
MOST_ROWS = 5000
# A column of numbers is also fitted by so many equally frequent intervals.
_INTERVALS = 10


class Suspect(NamedTuple):
    """A column, its held-out score alone, and that of all together."""

    name: str
    score: float
    all_score: float


def find(problem: Problem, dataset: Dataset) -> list[Suspect]:
    """Fits linear models to each column and to all, and scores test rows.

    Args:
      problem: settled for the dataset.
      dataset: a table; its labels converted.

    Returns:
      The suspects, the best first; [] of images, of too many features, and of
      values that training refuses, and where the test rows have no score.
    """
    train, test = dataset.splits["train"], dataset.splits["test"]
    if dataset.kind != "table" or baselines.too_large(problem, train, test):
        return []
    x, y = _some(train)
    test_x, truth = _some(test)
    columns = columns_of(dataset)
    if len(columns) < LEAST_COLUMNS or not (_fits(x) and _fits(test_x)):
        return []
    if not problem.has_score(truth):
        return []

    def score(outputs: np.ndarray) -> float:
        return float(
            problem.resampled(outputs, truth, np.ones((1, len(truth))))[0]
        )

    def fitted(rows: np.ndarray, others: np.ndarray) -> float:
        mean, std = rows.mean(axis=0), rows.std(axis=0)
        std = np.where(std > 0, std, 1)
        outputs = baselines.linear_outputs(
            problem, (rows - mean) / std, y, (others - mean) / std
        )
        return score(outputs)

    shape = (len(truth), problem.outputs)
    guess = score(np.broadcast_to(problem.guess(y), shape))
    whole = fitted(x, test_x)
    if whole - guess < LEAST_GAIN * (1 - guess):
        return []
    found = []
    for name, place, _ in columns:
        alone = fitted(*_with_intervals(x[:, place], test_x[:, place]))
        if alone - guess >= ALMOST * (whole - guess):
            found.append(Suspect(name, alone, whole))
    return sorted(found, key=lambda suspect: -suspect.score)


def _some(split: Split) -> tuple[np.ndarray, np.ndarray]:
    rows = split.places(evenly_spaced(split.examples, MOST_ROWS))
    x = np.asarray(split.x[rows], np.float64).reshape(len(rows), -1)
    return x, split.y[rows]


def _fits(x: np.ndarray) -> bool:
    return bool((np.abs(x) <= LARGEST).all())  # NaN does not


def _with_intervals(
    x: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Adds marks of a number's interval, which need be no line."""
    edges = np.quantile(x[:, 0], np.linspace(0, 1, _INTERVALS + 1)[1:-1])
    marks = np.eye(_INTERVALS)
    places = (np.searchsorted(edges, rows[:, 0]) for rows in (x, others))
    both, other_both = (
        np.concatenate([rows, marks[place]], axis=1)
        for rows, place in zip((x, others), places, strict=True)
    )
    return both, other_both
