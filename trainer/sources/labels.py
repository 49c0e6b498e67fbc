"""What labels are: classes or quantities, by all rows that have one."""

from typing import NamedTuple

import numpy as np

# Whole numbers of more distinct values than this are classes only where each
# of them has MIN_CLASS_ROWS rows: counts have a tail of values seen once.
MOST_CLASSES_GUESSED = 100
MOST_FULL_CLASSES_GUESSED = 1000
MIN_CLASS_ROWS = 10
# A table this short may hold three classes of a few rows each.
FEW_CLASSES = 3
SMALL_ROWS = 1000
BLOCK_ROWS = 2**20
CLASS_PROBLEMS = ("binary", "multiclass")


class Guess(NamedTuple):
    """Which problem labels fit, why, and which other one would do."""

    problem: str
    reason: str
    other: str | None = None

    def __str__(self) -> str:
        meant = "classes" if self.other in CLASS_PROBLEMS else "quantities"
        remedy = f"; where {meant} are meant, --config.problem={self.other}"
        return f"since {self.reason}" + remedy * (self.other is not None)


def distinct(y: np.ndarray, most: int | None = None) -> np.ndarray:
    """Returns the distinct values of labels [rows], sorted.

    Looks at a block of rows at a time, so that a mapped file is not copied.

    Args:
      y: numbers.
      most: more than so many need not be found: the search stops there.
    """
    found = np.unique(y[:BLOCK_ROWS])
    for start in range(BLOCK_ROWS, len(y), BLOCK_ROWS):
        if most is not None and len(found) > most:
            break
        found = np.union1d(found, y[start : start + BLOCK_ROWS])
    return found


def guess(labels: np.ndarray, *, are_named: bool = False) -> Guess:
    """Names the problem type that labels [rows] or [rows, outputs] fit.

    Two columns or more of zeros and ones are classes, where each row holds one
    1, and independent labels otherwise. Names are classes. So are two whole
    numbers, and more of them where they are few against the rows: after
    AutoGluon's `infer_problem_type` at most a tenth of up to 1,000 rows, a
    twentieth of more. All else is values.

    Args:
      labels: numbers, of all rows that are not a test's alone.
      are_named: whether they are indices of classes' names.
    """
    if labels.ndim == 2 and labels.shape[1] > 1:
        return _guess_wide(labels)
    labels = labels.reshape(-1)
    values = distinct(labels, MOST_FULL_CLASSES_GUESSED)
    if are_named:
        problem = "binary" if len(values) == 2 else "multiclass"
        return Guess(problem, "the labels are names")
    if not (values == np.floor(values)).all():
        return Guess("regression", "the labels are not whole numbers")
    many = "more than " * (len(values) > MOST_FULL_CLASSES_GUESSED)
    count = min(len(values), MOST_FULL_CLASSES_GUESSED)
    reason = f"{many}{count:,} different whole numbers in {len(labels):,} rows"
    if len(values) == 2:
        return Guess("binary", f"labels are {reason}", "regression")
    if len(values) == 1 or _are_few(labels, values):
        return Guess("multiclass", f"labels are {reason}", "regression")
    return Guess("regression", f"labels are {reason}", "multiclass")


def _guess_wide(labels: np.ndarray) -> Guess:
    columns = f"{labels.shape[1]} columns of labels"
    if not np.isin(labels, (0, 1)).all():
        return Guess("regression", f"{columns} hold more than 0 and 1")
    if (labels.sum(axis=1) == 1).all():
        return Guess("multiclass", f"{columns} hold a single 1 in each row")
    return Guess("multilabel", f"{columns} hold 0 and 1")


def _are_few(labels: np.ndarray, values: np.ndarray) -> bool:
    """Whether whole numbers are few enough to be classes."""
    rows, count = len(labels), len(values)
    if count <= FEW_CLASSES and 2 * count <= rows:
        return True
    if count * (10 if rows <= SMALL_ROWS else 20) > rows:
        return False
    if count <= MOST_CLASSES_GUESSED:
        return True
    if count > MOST_FULL_CLASSES_GUESSED:
        return False
    counts = np.bincount(np.searchsorted(values, labels))
    return bool(counts.min() >= MIN_CLASS_ROWS)


def class_column(y: np.ndarray) -> np.ndarray:
    """Returns a class a row, [rows], of classes or of one-hot rows."""
    if y.ndim == 2 and y.shape[1] > 1:
        return y.argmax(axis=1)
    return y.reshape(-1)
