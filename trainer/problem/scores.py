"""What predictions are worth in detail: tables, intervals, calibration.

NumPy and the standard library alone: scikit-learn's metrics, which the tests
compare with these, would take 0.9 s to import at a run's end, and SciPy's
intervals 1.2 s.
"""

import math
import statistics
from typing import Any

import numpy as np

LEVEL = 0.95
CALIBRATION_BINS = 15
# A matrix of more classes is left out; its greatest entries are not.
MOST_MATRIX_CLASSES = 200
MOST_CONFUSED_PAIRS = 20
_Z = statistics.NormalDist().inv_cdf((1 + LEVEL) / 2)


def wilson(part: int, whole: int) -> list[float] | None:
    """Returns the interval of a proportion, from exact counts.

    E. B. Wilson 1927, Probable inference, the law of succession, and
    statistical inference, JASA 22, at 95 %.

    Args:
      part: how many of them.
      whole: of how many; None is returned for 0.
    """
    if not whole:
        return None
    share, spread = part / whole, _Z**2 / whole
    center = (share + spread / 2) / (1 + spread)
    half = (
        _Z
        * math.sqrt(share * (1 - share) / whole + spread / (4 * whole))
        / (1 + spread)
    )
    # At 0 and 1 the ends are exact, but for rounding.
    low = 0.0 if part == 0 else max(0.0, center - half)
    high = 1.0 if part == whole else min(1.0, center + half)
    return [low, high]


def of_mean(values: np.ndarray) -> list[float] | None:
    """Returns the interval of a mean by the central limit theorem, at 95 %.

    Args:
      values: [rows], 0 or more; None is returned for a single row.
    """
    if len(values) < 2:
        return None
    values = values.astype(np.float64)
    mean = float(values.mean())
    half = _Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    return [max(0.0, mean - half), mean + half]


def of_difference(
    value: float,
    interval: list[float],
    other: float,
    other_interval: list[float],
) -> list[float]:
    """Returns the interval of value - other, of independent samples.

    R. G. Newcombe 1998, Interval estimation for the difference between
    independent proportions, Statistics in Medicine 17, method 10: the square
    roots of the sums of squared distances to the two intervals' ends.
    """
    gap = value - other
    below = math.hypot(value - interval[0], other_interval[1] - other)
    above = math.hypot(interval[1] - value, other - other_interval[0])
    return [gap - below, gap + above]


def judged(interval: list[float], *, is_lower_better: bool) -> str:
    """Says whether a difference of a score is "better", "worse" or "noise".

    Args:
      interval: of the difference.
      is_lower_better: whether less of the score is better.
    """
    low, high = interval
    if low <= 0 <= high:
        return "noise"
    return "better" if (low > 0) != is_lower_better else "worse"


def calibration(confidence: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Returns the expected calibration error, and the bins it is made of.

    C. Guo and others 2017, On calibration of modern neural networks: rows are
    put into 15 bins of equal width, ((m - 1) / 15, m / 15], by the probability
    of what was predicted; the error is the mean distance between a bin's share
    of right rows and its mean probability, weighted by its rows.

    Args:
      confidence: float32 [rows], in [0, 1].
      right: bool [rows], whether the prediction held.
    """
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    place = np.clip(
        np.digitize(confidence, edges, right=True) - 1, 0, CALIBRATION_BINS - 1
    )
    bins, error = [], 0.0
    for number in range(CALIBRATION_BINS):
        inside = place == number
        rows = int(inside.sum())
        if not rows:
            continue
        mean = float(confidence[inside].astype(np.float64).mean())
        share = int(right[inside].sum()) / rows
        error += abs(share - mean) * rows / len(confidence)
        bins.append(
            {
                "above": float(edges[number]),
                "to": float(edges[number + 1]),
                "rows": rows,
                "mean_probability": mean,
                "right": share,
            }
        )
    return {"ece": error, "bins_of": CALIBRATION_BINS, "bins": bins}


def per_class(
    labels: tuple[str, ...], truth: np.ndarray, found: np.ndarray
) -> list[dict[str, Any]]:
    """Returns precision, recall and F1 of each class, with intervals.

    Args:
      labels: a name for each class.
      truth: classes, int32 [rows].
      found: what was predicted, int64 [rows].
    """
    classes = len(labels)
    hits = np.bincount(truth[truth == found], minlength=classes)
    return [
        _class_row(label, int(hit), int(predicted), int(support))
        for label, hit, predicted, support in zip(
            labels,
            hits,
            np.bincount(found, minlength=classes),
            np.bincount(truth, minlength=classes),
            strict=True,
        )
    ]


def _class_row(
    label: str, hits: int, found: int, support: int
) -> dict[str, Any]:
    """A class's row; 0 where nothing was found or there, as scikit-learn's."""
    return {
        "class": label,
        "precision": hits / found if found else 0.0,
        "recall": hits / support if support else 0.0,
        "f1": 2 * hits / (found + support) if found + support else 0.0,
        "support": support,
        "precision_interval": wilson(hits, found),
        "recall_interval": wilson(hits, support),
    }


def confusion(
    labels: tuple[str, ...], truth: np.ndarray, found: np.ndarray
) -> dict[str, Any]:
    """Counts pairs of (class, predicted class); arguments as `per_class`."""
    classes = len(labels)
    pair = truth.astype(np.int64) * classes + found
    places, rows = np.unique(pair, return_counts=True)
    wrong = places // classes != places % classes
    order = np.argsort(-rows[wrong], kind="stable")[:MOST_CONFUSED_PAIRS]
    result: dict[str, Any] = {
        "most_confused": [
            {
                "class": labels[place // classes],
                "predicted": labels[place % classes],
                "rows": int(count),
            }
            for place, count in zip(
                places[wrong][order], rows[wrong][order], strict=True
            )
        ]
    }
    if classes <= MOST_MATRIX_CLASSES:
        matrix = np.bincount(pair, minlength=classes**2)
        result["matrix"] = matrix.reshape(classes, classes).tolist()
    return result


def per_label(
    labels: tuple[str, ...], truth: np.ndarray, found: np.ndarray
) -> list[dict[str, Any]]:
    """Returns what `per_class` does, and the counts, of labels by themselves.

    Args:
      labels: a name for each label.
      truth: bool [rows, labels].
      found: what was predicted, bool [rows, labels].
    """
    rows = []
    for label, marks, there in zip(labels, found.T, truth.T, strict=True):
        hits = int((marks & there).sum())
        row = _class_row(label, hits, int(marks.sum()), int(there.sum()))
        counts = np.bincount(2 * there + marks, minlength=4).reshape(2, 2)
        rows.append(row | {"matrix": counts.tolist()})
    return rows
