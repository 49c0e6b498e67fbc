"""Counts: what is refused, and figures that are scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.problem.scored import dataset_of
from tests.problem.scored import evaluated
from tests.problem.scored import row_of
from tests.problem.scored import scale_of
from tests.problem.scored import values_of
from trainer.config import Config
from trainer.problem.count import Count
from trainer.problem.problems import settle
from trainer.process.exits import UserError
from trainer.sources.labels import guess

RNG = np.random.default_rng(6)


def problem_of(center):
    """Returns a problem of targets that are trained as they are."""
    ones = np.ones(len(center), np.float32)
    return Count(
        "count",
        Count.activation,
        "poisson",
        Count.metrics,
        len(center),
        False,
        (),
        0 * ones,
        ones,
        np.float32(center),  # type: ignore[arg-type]
    )


def test_its_row_of_the_table():
    row = ("exponential", "poisson", 2, "d2", np.float32)
    assert row_of("count", [[3, 0], [1, 2]]) == row
    assert row_of("count", [3, 0, 7.0])[2] == 1


@pytest.mark.parametrize("wrong", [-1, 0.5, np.nan, np.inf])
def test_what_is_no_count_is_refused(wrong):
    with pytest.raises(UserError, match=r"y_train\[1\]=\[.*\]: ") as told:
        settle(Config(problem="count"), dataset_of([3.0, wrong]))
    assert "\n" not in str(told.value)


def test_counts_are_never_guessed():
    for y in (np.arange(12), np.arange(12) // 4, np.arange(4000) % 1500):
        assert guess(y).problem != "count"


@pytest.mark.parametrize(
    ("chosen", "scale"),
    # The second column counts nothing: its mean of 0 divides nothing.
    [("auto", [4.0, 1.0]), ("none", [1.0, 1.0])],
)
def test_targets_are_divided_by_their_mean(chosen, scale):
    y = np.array([[3, 0], [5, 0]])
    assert scale_of("count", chosen, y) == ([0.0, 0.0], scale)


def test_targets_are_not_standardized():
    with pytest.raises(UserError, match="outputs stay above 0; use 'none'"):
        scale_of("count", "standardize", np.array([[3], [5]]))


@pytest.mark.parametrize("chosen", ["auto", "none"])
def test_figures_are_scikit_learns(chosen):
    values, y, p, problem = evaluated(
        "count", "digits_pixels", **{"data.target_normalization": chosen}
    )
    y, p = y[:, 0], np.float64(p[:, 0])
    scores = sklearn.metrics
    in_loss = p / problem.target_std
    targets = y / problem.target_std
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": np.mean(in_loss - targets * np.log(in_loss + 1e-7)),
            "deviance": scores.mean_poisson_deviance(y, p),
            "mae": scores.mean_absolute_error(y, p),
            "d2": scores.d2_tweedie_score(y, p, power=1),
        },
        rel=1e-5,
    )


@given(st.floats(0.05, 1e5), st.integers(0, 2**31))
@settings(max_examples=20)
def test_rare_and_many_counts_keep_their_figures(mean, seed):
    random = np.random.default_rng(seed)
    means = mean * random.uniform(0.5, 2, (300, 2))
    y = random.poisson(means).astype(np.float32)
    y[0] = 1  # scikit-learn takes no column of zeros alone
    p = means.astype(np.float32)
    values = values_of(problem_of([mean, mean]), y, p)
    pairs = list(zip(y.T, p.T, strict=True))
    for name, theirs in (
        ("deviance", sklearn.metrics.mean_poisson_deviance),
        ("d2", lambda y, p: sklearn.metrics.d2_tweedie_score(y, p, power=1)),
    ):
        expected = np.mean([theirs(*np.float64(pair)) for pair in pairs])  # type: ignore[arg-type, misc]
        assert values[name] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_a_count_of_0_has_its_deviance():
    deviance = problem_of([1]).divergence
    assert deviance(np.zeros(1), np.array([3.0]), np) == pytest.approx(6)
    assert deviance(np.zeros(1), np.zeros(1), np) == pytest.approx(0)
    # An output too small for a float32 came to 0, and was not.
    assert np.isfinite(
        deviance(np.array([9], np.float32), np.zeros(1, "f"), np)
    )


def test_the_deviance_keeps_its_digits_near_a_large_mean():
    y, mean = np.array([[1e6], [1e6 + 500]], np.float32)
    exact = sklearn.metrics.mean_poisson_deviance(y, np.float64(mean))
    found = problem_of([1]).divergence(y, mean, np)
    assert found == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("y, score", [(4.0, 1.0), (5.0, 0.0)])
def test_a_constant_target_scores_as_r2_does(y, score):
    targets = np.full((6, 1), y, np.float32)
    found = values_of(problem_of([y]), targets, np.full((6, 1), 4, np.float32))
    assert found["d2"] == score


def test_an_output_that_overflows_shows_in_the_loss():
    problem = problem_of([1])
    logits = tf.constant([[100.0], [100.0]])
    losses = problem.row_losses(tf.constant([[0.0], [3.0]]), tf.exp(logits))
    assert not np.isfinite(losses.numpy()).any()


def test_intervals_hold_the_figures():
    y = RNG.poisson(5, (80, 1)).astype(np.float32)
    p = RNG.uniform(4, 6, (80, 1)).astype(np.float32)
    problem = problem_of([5])
    values, detail = values_of(problem, y, p), problem.detail(p, y)
    assert list(detail["intervals"]) == ["deviance", "mae"]
    for name, (low, high) in detail["intervals"].items():
        assert (low + high) / 2 == pytest.approx(values[name], rel=1e-5)
    assert detail["per_output"][0]["mae"] == pytest.approx(values["mae"])
