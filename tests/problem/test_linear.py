"""The linear model is scikit-learn's, whatever the problem's loss."""

import numpy as np
import pytest
from sklearn import datasets
from sklearn import linear_model

from trainer.problem import linear


def fitted(x, targets, activation):
    targets = np.asarray(targets, np.float64).reshape(len(x), -1)
    weights = np.ones(len(x))
    return linear.fit(x, targets, activation, weights).predict(x)


def standardized(x):
    std = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(std > 0, std, 1)


def test_classes_by_a_softmax():
    x, y = datasets.load_digits(return_X_y=True)
    x = standardized(x)[::4]
    own = fitted(x, np.eye(10)[y[::4]], "softmax")
    theirs = linear_model.LogisticRegression(max_iter=1000).fit(x, y[::4])
    np.testing.assert_allclose(own, theirs.predict_proba(x), atol=1e-2)


def test_a_mark_by_a_sigmoid():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    x = standardized(x)
    theirs = linear_model.LogisticRegression(max_iter=1000).fit(x, y)
    own = fitted(x, y, "sigmoid")[:, 0]
    np.testing.assert_allclose(own, theirs.predict_proba(x)[:, 1], atol=1e-2)


def test_values_by_ridge_and_counts_by_poisson():
    x, y = datasets.load_diabetes(return_X_y=True)
    x = standardized(x)
    y = (y - y.mean()) / y.std()
    own = fitted(x, y, "linear")[:, 0]
    theirs = linear_model.Ridge().fit(x, y).predict(x)
    np.testing.assert_allclose(own, theirs, atol=1e-3)
    counts = np.random.RandomState(0).poisson(np.exp(y))
    own = fitted(x, counts, "exponential")[:, 0]
    theirs = linear_model.PoissonRegressor(alpha=1 / len(x), max_iter=1000)
    np.testing.assert_allclose(own, theirs.fit(x, counts).predict(x), rtol=0.01)


@pytest.mark.parametrize("activation", ["linear", "sigmoid", "exponential"])
def test_weights_count_rows_several_times(activation):
    random = np.random.RandomState(1)
    x, y = random.randn(30, 3), random.rand(30, 1)
    times = random.randint(4, size=30)
    weighted = linear.fit(x, y, activation, times.astype(np.float64))
    repeated = linear.fit(
        np.repeat(x, times, axis=0),
        np.repeat(y, times, axis=0),
        activation,
        np.ones(times.sum()),
    )
    np.testing.assert_allclose(weighted.kernel, repeated.kernel, atol=1e-3)
