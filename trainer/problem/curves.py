"""Precision and recall by threshold. NumPy alone."""

from typing import NamedTuple

import numpy as np

from trainer.sources.dataset import evenly_spaced

CURVE_POINTS = 101
THRESHOLDS = 101


class Ranked(NamedTuple):
    """What is found at each threshold at which it changes, highest first.

    Attributes:
      thresholds: chances that there are, falling: [thresholds].
      found: int64 [thresholds], rows whose chance is the threshold or more.
      hits: int64 [thresholds], those of them of mark 1.
    """

    thresholds: np.ndarray
    found: np.ndarray
    hits: np.ndarray


def rank(marks: np.ndarray, chances: np.ndarray) -> Ranked:
    """Counts what each threshold finds.

    Args:
      marks: 0 or 1, [rows].
      chances: float32 [rows], of a 1.
    """
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits = np.cumsum(marks[order].astype(np.int64))[last]
    return Ranked(ranked[last], last + 1, hits)


def average_precision(
    marks: np.ndarray, chances: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Returns the average precision where each row counts several times.

    Args:
      marks: as in `rank`.
      chances: as in `rank`.
      counts: how often each row counts, float64 [draws, rows].

    Returns:
      float64 [draws]; NaN where no row of mark 1 counts.
    """
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    counted = counts[:, order]
    hits = np.cumsum(counted * marks[order], axis=1)[:, last]
    found = np.cumsum(counted, axis=1)[:, last]
    added = np.diff(hits, axis=1, prepend=0)
    totals = (added * hits / np.maximum(found, 1)).sum(axis=1)
    positives = hits[:, -1]
    return np.divide(
        totals, positives, out=np.full(len(counts), np.nan), where=positives > 0
    )


def precision_recall(
    marks: np.ndarray, chances: np.ndarray
) -> dict[str, list[float]]:
    """Returns some points of the precision-recall curve, by falling threshold.

    Args:
      marks: as in `rank`.
      chances: as in `rank`.
    """
    _, found, hits = rank(marks, chances)
    positives = int(marks.sum())
    if not positives:
        return {"precision": [], "recall": []}
    some = evenly_spaced(len(found), CURVE_POINTS)
    return {
        "precision": (hits / found)[some].tolist(),
        "recall": (hits / positives)[some].tolist(),
    }


def threshold_counts(marks: np.ndarray, chances: np.ndarray) -> np.ndarray:
    """Counts true and false positives, true and false negatives.

    Args:
      marks: as in `rank`.
      chances: as in `rank`.

    Returns:
      int64 [4, THRESHOLDS], by rising threshold from 0 to 1.
    """
    thresholds, found, hits = rank(marks, chances)
    edges = np.linspace(0, 1, THRESHOLDS)
    # How many of the chances that there are lie at an edge or above it.
    place = np.searchsorted(-thresholds.astype(np.float64), -edges, "right")
    found, hits = (np.append(0, counts)[place] for counts in (found, hits))
    false, positives = found - hits, int(marks.sum())
    negatives = len(marks) - positives
    return np.stack([hits, false, negatives - false, positives - hits])
