"""What labels are: classes or quantities, and what names of classes are."""

import numpy as np
import pytest

from trainer.sources.labels import distinct
from trainer.sources.labels import guess

FLOATS = np.linspace(-3, 9, 12)
# A count an hour for two years: most are small, some are seen once.
HOURLY = np.random.RandomState(0).geometric(0.01, 17_000)


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        # One column of two values.
        ([0, 1, 1, 0], "binary"),
        ([[0], [1], [1]], "binary"),
        ([0.0, 1.0, 1.0], "binary"),
        ([3, 4, 3, 4], "binary"),
        ([-1.0, 1.0, 1.0], "binary"),
        # Whole numbers that are few against the rows.
        ([0, 1, 2, 0, 1, 2], "multiclass"),
        ([0.0, 1.0, 2.0] * 4, "multiclass"),
        ([0, 0, 0, 0], "multiclass"),
        (np.repeat(np.arange(308, 326), 10), "multiclass"),
        (np.arange(40_000) % 1000, "multiclass"),
        # Quantities.
        (np.arange(12), "regression"),
        (np.arange(12) // 2, "regression"),
        (np.arange(100) % 18, "regression"),
        (np.arange(2000) // 2, "regression"),
        (np.arange(22_022) % 1001, "regression"),
        (HOURLY, "regression"),
        ([0.5, 1.0, 0.5, 1.0], "regression"),
        ([1.0, 2.0, 3.0, 1.0], "regression"),
        (FLOATS, "regression"),
        # Several columns.
        (np.eye(4, 3)[:3], "multiclass"),
        (np.eye(3, dtype=bool).view(np.uint8), "multiclass"),
        ([[0, 1, 1], [0, 0, 0]], "multilabel"),
        ([[1.0, 1.0], [0.0, 1.0]], "multilabel"),
        ([[1, 2], [0, 1]], "regression"),
        (np.stack([FLOATS, FLOATS], 1), "regression"),
    ],
)
def test_a_problem_is_read_from_the_labels(labels, problem):
    assert guess(np.asarray(labels)).problem == problem


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0, 1, 1], "2 different whole numbers in 3 rows"),
        (np.arange(5000), "more than 1,000 different whole numbers in 5,000"),
        (FLOATS, "not whole numbers"),
        (np.eye(3), "3 columns of labels hold a single 1 in each row"),
    ],
)
def test_a_guess_says_why(labels, reason):
    assert reason in guess(np.asarray(labels)).reason


def test_names_are_classes_however_many():
    assert guess(np.arange(40), are_named=True).problem == "multiclass"
    assert guess(np.arange(40) % 2, are_named=True).problem == "binary"


def test_distinct_values_are_found_block_by_block(monkeypatch):
    monkeypatch.setattr("trainer.sources.labels.BLOCK_ROWS", 3)
    y = np.array([3, 1, 3, 2, 2, 9, 1, -4])
    assert distinct(y).tolist() == [-4, 1, 2, 3, 9]
    assert len(distinct(np.arange(100), 5)) < 10
