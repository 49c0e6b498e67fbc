"""Rows drawn again and again: how far a score is chance. NumPy alone."""

from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np

from trainer.problem.problem import Problem

# How often rows are drawn again: of many rows less often, so that it takes a
# tenth of a second, and fewer draws do.
MOST_RESAMPLES = 1000
LEAST_RESAMPLES = 100
MOST_DRAWN_ROWS = 2_000_000
# Rows beyond which no interval is told.
MOST_RESAMPLED_ROWS = 100_000
_BLOCK_VALUES = 4_000_000
_ENDS = (0.025, 0.975)


def scores_of(
    problem: Problem,
    truth: np.ndarray,
    outputs: Mapping[str, np.ndarray],
    most: int = MOST_RESAMPLES,
) -> dict[str, np.ndarray]:
    """Scores the rows as they are, then as they are drawn again: [1 + draws].

    A draw that has no score, as of rows of one class alone, is NaN.

    The paired bootstrap: B. Efron & R. Tibshirani 1993, An Introduction to the
    Bootstrap, section 13.3. All outputs see the same draws.

    Args:
      problem: whose score is told.
      truth: labels of the rows.
      outputs: by a name, float32 [rows, outputs].
      most: draws.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in outputs}
    for counts in draws(len(truth), most):
        for name, each in outputs.items():
            parts[name].append(problem.resampled(each, truth, counts))
    return {name: np.concatenate(each) for name, each in parts.items()}


def draws(rows: int, most: int) -> Iterator[np.ndarray]:
    """Yields how often each row counts, float64 [some, rows], once each first.

    They are a pure function of the two numbers.
    """
    yield np.ones((1, rows))
    if rows > MOST_RESAMPLED_ROWS:
        return
    random = np.random.RandomState(0)
    block = max(1, _BLOCK_VALUES // rows)
    times = min(max(MOST_DRAWN_ROWS // rows, LEAST_RESAMPLES), most)
    for start in range(0, times, block):
        some = min(block, times - start)
        drawn = random.randint(rows, size=(some, rows))
        drawn += np.arange(some)[:, None] * rows  # its place among all
        counts = np.bincount(drawn.ravel(), minlength=some * rows)
        del drawn
        yield counts.reshape(some, rows).astype(np.float64)


def interval(gaps: np.ndarray) -> list[float] | None:
    """Returns the ends of 95 % of the draws that have a score; None of none."""
    known = gaps[~np.isnan(gaps)]
    return np.quantile(known, _ENDS).tolist() if len(known) else None
