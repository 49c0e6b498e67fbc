"""The binned area under the ROC curve is scikit-learn's, within its error."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from trainer.problem import roc_area


def area_error(y, p):
    """The stated bound: half the share of pairs that lie in one bin."""
    # A float32 would round the bound to below the error.
    counts = count(y, p).astype(np.float64)
    both = (counts[:, 0] * counts[:, 1]).sum(axis=1)
    pairs = counts[:, 0].sum(axis=1) * counts[:, 1].sum(axis=1)
    return float(np.mean(both / pairs) / 2) + 1e-12


def count(y, p):
    return roc_area.count(
        tf.constant(y, tf.float32),
        tf.constant(p, tf.float32),
        tf.ones(len(p)),
    ).numpy()


@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(0, 1, width=32)),
        min_size=2,
        max_size=50,
    ).filter(lambda rows: len({truth for truth, _ in rows}) == 2)
)
@example(
    [(False, 0.0)] * 5
    + [(False, 1.0)] * 7
    + [(True, 0.5)] * 7
    + [(True, 1e-45)]
)
@settings(max_examples=100)
def test_the_area_is_within_its_stated_error(rows):
    y = np.array([[truth] for truth, _ in rows], np.float32)
    p = np.array([[score] for _, score in rows], np.float32)
    exact = sklearn.metrics.roc_auc_score(y[:, 0], p[:, 0])
    area = roc_area.area(count(y, p))
    assert area == pytest.approx(exact, abs=area_error(y, p))
