"""Precision and recall by threshold are scikit-learn's."""

import numpy as np
import sklearn.metrics as sk

from trainer.problem import curves


def test_the_curve_is_scikit_learns():
    random = np.random.default_rng(4)
    marks = random.integers(0, 2, 60)
    chances = np.round(random.random(60), 2).astype(np.float32)
    found = curves.precision_recall(marks, chances)
    precision, recall, _ = sk.precision_recall_curve(marks, chances)
    # Ours runs from the greatest threshold down, without scikit-learn's end.
    np.testing.assert_allclose(found["precision"], precision[-2::-1])
    np.testing.assert_allclose(found["recall"], recall[-2::-1])
    nothing = curves.precision_recall(np.zeros(3, int), chances[:3])
    assert nothing == {"precision": [], "recall": []}


def test_counts_at_the_ends_hold_every_row():
    marks = np.array([0, 1, 1])
    chances = np.array([0.0, 0.25, 1.0], np.float32)
    counts = curves.threshold_counts(marks, chances)
    assert counts[:, 0].tolist() == [2, 1, 0, 0]
    assert counts[:, -1].tolist() == [1, 0, 1, 1]
    assert (counts.sum(axis=0) == 3).all()


def test_the_average_precision_of_rows_counted_is_scikit_learns():
    random = np.random.RandomState(3)
    marks = random.randint(2, size=60)
    chances = (random.randint(12, size=60) / 12).astype(np.float32)
    counts = random.randint(3, size=(5, 60)).astype(np.float64)
    np.testing.assert_allclose(
        curves.average_precision(marks, chances, counts),
        [
            sk.average_precision_score(marks, chances, sample_weight=each)
            for each in counts
        ],
    )


def test_rows_without_a_positive_have_no_average_precision():
    marks = np.array([0, 0, 1])
    chances = np.array([0.2, 0.4, 0.3], np.float32)
    counts = np.array([[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]])
    none, some = curves.average_precision(marks, chances, counts)
    assert np.isnan(none)
    assert some == 0.5
