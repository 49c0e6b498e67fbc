"""Values of any size: their scale, and figures that are scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics

from tests.problem.scored import evaluated
from tests.problem.scored import row_of
from tests.problem.scored import scale_of
from tests.problem.scored import values_of
from trainer.problem.regression import Regression
from trainer.process.exits import UserError

# Its first column is of mean 3 and deviation 1. The second never changes: its
# deviation of 0 divides nothing.
TARGETS = np.array([[2.0, 5.0], [4.0, 5.0]])
ZEROS, ONES = np.zeros(1, np.float32), np.ones(1, np.float32)


def test_its_row_of_the_table():
    row = ("linear", "mean_squared_error", 1, "r2", np.float32)
    assert row_of("regression", [0.5, 2.0, 3.0]) == row


@pytest.mark.parametrize(
    ("chosen", "mean", "std"),
    [
        ("auto", [3.0, 5.0], [1.0, 1.0]),
        ("standardize", [3.0, 5.0], [1.0, 1.0]),
        ("none", [0.0, 0.0], [1.0, 1.0]),
    ],
)
def test_the_scale_of_targets(chosen, mean, std):
    assert scale_of("regression", chosen, TARGETS) == (mean, std)


def test_targets_that_float32_would_take_for_one_another_are_refused():
    y = np.arange(100)[:, None]
    for targets in (1_700_000_000 + y, 1e6 + y * 1e-4, 2**60 + y):
        with pytest.raises(UserError, match="take an offset off them"):
            scale_of("regression", "none", targets)
    # Their steps are small against how far they vary.
    assert scale_of("regression", "none", 1.7e9 + y * 1e6)
    assert scale_of("regression", "none", np.full((100, 1), 1_700_000_001))


def test_figures_are_scikit_learns():
    values, y, p, _ = evaluated("regression", "diabetes")
    scores = sklearn.metrics
    assert values["mse"] == pytest.approx(
        scores.mean_squared_error(y, p), rel=1e-6
    )
    assert values["mae"] == pytest.approx(
        scores.mean_absolute_error(y, p), rel=1e-6
    )
    assert values["r2"] == pytest.approx(scores.r2_score(y, p), abs=1e-6)
    assert values["rmse"] == pytest.approx(values["mse"] ** 0.5)


def test_targets_far_from_0_keep_their_r2():
    values, y, p, _ = evaluated(
        "regression", "diabetes", **{"data.target_normalization": "none"}
    )
    exact = sklearn.metrics.r2_score(y, p)
    assert values["r2"] == pytest.approx(exact, rel=1e-6)
    rng = np.random.default_rng(0)
    y = (1e5 + 5 * rng.standard_normal((500, 1))).astype(np.float32)
    p = y + rng.standard_normal((500, 1)).astype(np.float32)
    problem = Regression(
        "regression",
        "linear",
        "mean_squared_error",
        Regression.metrics,
        1,
        False,
        (),
        ZEROS,
        ONES,
        np.array([1e5], np.float32),
    )
    exact = sklearn.metrics.r2_score(y, p)
    assert values_of(problem, y, p)["r2"] == pytest.approx(exact, abs=1e-6)


def test_a_constant_target_scores_as_in_scikit_learn():
    problem = Regression(
        "regression", "", "", Regression.metrics, 1, False, (), ZEROS, ONES
    )
    met = dict.fromkeys(problem.sum_names, 0.0) | {
        "from_center_0": 6.0,
        "center_divergence_0": 12.0,
    }
    assert problem.values(met, 3)["r2"] == 1.0
    missed = met | {"divergence_0": 3.0}
    assert problem.values(missed, 3)["r2"] == 0.0
