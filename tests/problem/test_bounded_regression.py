"""Values in [0, 1]: what is refused, and figures that are scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics

from tests.problem.scored import dataset_of
from tests.problem.scored import evaluated
from tests.problem.scored import row_of
from tests.problem.scored import scale_of
from tests.problem.scored import values_of
from trainer.config import Config
from trainer.problem.problems import settle
from trainer.process.exits import UserError

TARGETS = np.array([[0.4, 1.0], [0.8, 1.0]])


def test_its_row_of_the_table():
    row = ("sigmoid", "mean_squared_error", 2, "r2", np.float32)
    assert row_of("bounded_regression", [[0.5, 1.0], [0.0, 0.2]]) == row


def test_a_target_above_1_is_refused():
    config = Config(problem="bounded_regression")
    with pytest.raises(UserError, match=r"y_train\[1\]=\[1\.5\]: .*\[0, 1\]"):
        settle(config, dataset_of([0.5, 1.5]))


@pytest.mark.parametrize("chosen", ["auto", "none"])
def test_targets_stay_as_they_are(chosen):
    scale = ([0.0, 0.0], [1.0, 1.0])
    assert scale_of("bounded_regression", chosen, TARGETS) == scale


def test_targets_are_not_standardized():
    with pytest.raises(UserError, match=r"outputs stay in \[0, 1\]; use"):
        scale_of("bounded_regression", "standardize", TARGETS)


def test_figures_are_scikit_learns():
    values, y, p, _ = evaluated("bounded_regression", "digits_ink")
    scores = sklearn.metrics
    assert values["mse"] == pytest.approx(
        scores.mean_squared_error(y, p), rel=1e-6
    )
    assert values["mae"] == pytest.approx(
        scores.mean_absolute_error(y, p), rel=1e-6
    )
    assert values["r2"] == pytest.approx(scores.r2_score(y, p), abs=1e-6)


@pytest.mark.parametrize("unit", [1.0, 1e-6, 1e-12])
def test_the_share_that_is_explained_is_the_same_in_any_unit(unit):
    y = np.float32(unit * np.random.RandomState(0).rand(200, 1))
    config = Config(problem="bounded_regression")
    problem, _ = settle(config, dataset_of(y))
    p = np.float32(0.9 * y)
    exact = sklearn.metrics.r2_score(np.float64(y), np.float64(p))
    assert values_of(problem, y, p)["r2"] == pytest.approx(exact, rel=1e-5)
