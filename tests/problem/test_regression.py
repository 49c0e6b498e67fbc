"""Values of any size: their scale, and figures that are scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from tests.problem.scored import dataset_of
from tests.problem.scored import evaluated
from tests.problem.scored import row_of
from tests.problem.scored import scale_of
from tests.problem.scored import values_of
from trainer.config import Config
from trainer.problem.problems import settle
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
    # Less an offset these would be refused all the same.
    for unit, word in ((1e33, "much"), (1e-33, "little")):
        with pytest.raises(UserError, match=f"too {word} .* divide them by"):
            scale_of("regression", "none", y * unit)
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


@pytest.mark.parametrize("off", [0, 3e3, -3e4])
@pytest.mark.parametrize(
    ("name", "scale"), [("regression", 1.0), ("count", 100.0)]
)
def test_rows_far_from_the_training_mean_keep_their_share(name, scale, off):
    """As the days of a drift are, or a split by the target."""
    rng = np.random.default_rng(0)
    config = Config(problem=name)
    train = np.abs(np.round(scale * rng.standard_normal((99, 2))))
    far = train + abs(off) if name == "count" else train + off
    problem, dataset = settle(config, dataset_of(train, test=far))
    y = dataset.splits["test"].labels()
    p = y + rng.standard_normal(y.shape).astype(np.float32)
    sums = problem.step_sums(
        problem.targets(tf.constant(y)),
        tf.constant(np.float32(problem.in_loss_units(p))),
        tf.zeros(len(y)),
        tf.ones(len(y)),
    )
    named = dict(zip(problem.sum_names, sums.numpy().tolist(), strict=True))
    found = problem.values(named | problem.label_sums(y), len(y))
    (resampled,) = problem.resampled(p, y, np.ones((1, len(y))))
    y, p = y.astype(np.float64), p.astype(np.float64)
    if name == "regression":
        exact = sklearn.metrics.r2_score(y, p)
    else:
        exact = np.mean(
            [
                sklearn.metrics.d2_tweedie_score(*each, power=1)
                for each in zip(y.T, p.T, strict=True)
            ]
        )
    assert found[problem.score] == pytest.approx(exact, abs=0.02)
    assert resampled == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("name", ["regression", "count"])
@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_split_has_no_spread(name, value):
    train = np.array([[1], [2], [30]])
    problem, dataset = settle(
        Config(problem=name), dataset_of(train, test=np.full((9, 1), value))
    )
    y = dataset.splits["test"].labels()
    assert set(problem.label_sums(y).values()) == {0.0}
    (met,) = problem.resampled(y, y, np.ones((1, 9)))
    assert met == (1.0 if value or name == "regression" else 0.0)


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
