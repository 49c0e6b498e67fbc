"""What a score is worth against guessing and a linear model."""

import dataclasses

import numpy as np
import pytest
import sklearn.metrics

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.problem import baselines
from trainer.problem import bootstrap
from trainer.problem.problems import settle
from trainer.sources import Split

RANDOM = np.random.RandomState(0)
ROWS = 80
CHANCES = RANDOM.rand(ROWS, 3).astype(np.float32)
MADE = {
    "binary": (RANDOM.randint(2, size=ROWS), CHANCES[:, :1]),
    "multiclass": (
        RANDOM.randint(3, size=ROWS),
        CHANCES / CHANCES.sum(axis=1, keepdims=True),
    ),
    "multilabel": (RANDOM.randint(2, size=(ROWS, 3)), CHANCES),
    "regression": (RANDOM.randn(ROWS, 3) * 5 + 100, CHANCES * 9 + 96),
    "bounded_regression": (RANDOM.rand(ROWS, 3), CHANCES),
    "count": (RANDOM.poisson(4, (ROWS, 3)), CHANCES * 7 + 1),
}


def settled(name):
    y, outputs = MADE[name]
    problem, dataset = settle(Config(problem=name), dataset_of(y))
    return problem, dataset, outputs


def compared(problem, dataset, outputs):
    return baselines.compare(
        problem,
        dataset,
        dataset.splits["test"],
        outputs,
        normalized=lambda x: x.reshape(len(x), -1).astype(np.float64),
    )


@pytest.mark.parametrize("name", MADE)
def test_rows_counted_once_have_the_score_of_an_evaluation(name):
    import tensorflow as tf

    problem, dataset, outputs = settled(name)
    y = dataset.splits["test"].labels()
    targets = problem.targets(tf.constant(y))
    in_loss_units = tf.constant(np.float32(problem.in_loss_units(outputs)))
    sums = problem.step_sums(
        targets, in_loss_units, tf.zeros(ROWS), tf.ones(ROWS)
    ).numpy()
    named = dict(zip(problem.sum_names, sums.tolist(), strict=True))
    values = problem.values(named, ROWS)
    (own,) = problem.resampled(outputs, y, np.ones((1, ROWS)))
    assert own == pytest.approx(values[problem.score], abs=1e-5)


@pytest.mark.parametrize("name", MADE)
def test_a_row_may_count_several_times(name):
    problem, dataset, outputs = settled(name)
    y = dataset.splits["test"].labels()
    times = np.random.RandomState(1).multinomial(ROWS, np.ones(ROWS) / ROWS)
    (own,) = problem.resampled(outputs, y, times[None].astype(np.float64))
    drawn = np.repeat(np.arange(ROWS), times)
    (repeated,) = problem.resampled(
        outputs[drawn], y[drawn], np.ones((1, ROWS))
    )
    assert own == pytest.approx(repeated)


def test_guessing_answers_the_commonest_class():
    y = np.array([0] * 30 + [1] * 50)
    problem, dataset = settle(
        Config(problem="binary"), dataset_of(y, test=np.array([0, 1, 1, 1]))
    )
    outputs = np.array([[0.1], [0.9], [0.9], [0.9]], np.float32)
    found = compared(problem, dataset, outputs)
    assert found["network"] == 1
    assert found["guess"]["score"] == 0.75
    assert found["guess"]["difference"] == 0.25


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_guessing_answers_the_commonest_class_at_any_threshold(threshold):
    y = np.array([0] * 30 + [1] * 50)
    problem, dataset = settle(Config(problem="binary"), dataset_of(y))
    problem = dataclasses.replace(problem, threshold=threshold)
    outputs = np.full((len(y), 1), 0.7, np.float32)
    found = compared(problem, dataset, outputs)
    assert found["guess"]["score"] == 50 / 80


def rare(test):
    """A problem whose score is the average precision, and its dataset."""
    y = np.array([0] * 45 + [1] * 5)
    config = Config(problem="binary")
    problem, dataset = settle(config, dataset_of(y, test=test))
    problem = problem.as_asked(config, dataset.splits["train"].labels())
    assert problem.score == "average_precision"
    return problem, dataset


def test_draws_without_the_rare_class_are_left_out_of_the_interval():
    y = np.array([0] * 19 + [1])
    problem, dataset = rare(y)
    # Better than guessing in all draws that have a positive: a third has none.
    found = compared(problem, dataset, np.float32(y)[:, None])
    assert found["guess"]["interval"][0] > 0.5


def test_rows_without_the_rare_class_are_held_against_nothing():
    problem, dataset = rare(np.zeros(20, np.int64))
    outputs = np.full((20, 1), 0.2, np.float32)
    assert compared(problem, dataset, outputs) is None


def test_what_rows_count_is_in_the_loss_of_guessing():
    problem, dataset, _ = settled("regression")
    train = dataset.splits["train"]
    counts = np.zeros(train.examples)
    counts[:10] = 3.0
    first = Split(train.x[:10], train.y[:10])
    weighted = problem.guess_loss(Split(train.x, train.y, weights=counts))
    assert weighted == pytest.approx(problem.guess_loss(first), rel=1e-5)
    assert weighted != pytest.approx(problem.guess_loss(train), rel=1e-3)


def test_guessing_a_value_explains_nothing():
    problem, dataset, _ = settled("regression")
    y = dataset.splits["test"].labels()
    guess = problem.guess(y)
    (own,) = problem.resampled(
        np.broadcast_to(guess, y.shape), y, np.ones((1, ROWS))
    )
    expected = sklearn.metrics.r2_score(y, np.broadcast_to(guess, y.shape))
    assert own == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("rows", [2000])
def test_the_interval_is_that_of_a_paired_difference(rows):
    """Of accuracies, its width is known: A. Agresti 2013, equation 11.2."""
    random = np.random.RandomState(2)
    y = (random.rand(rows) < 0.4).astype(np.int64)
    chances = np.where(random.rand(rows) < 0.8, y, 1 - y)
    problem, dataset = settle(Config(problem="binary"), dataset_of(y))
    found = compared(problem, dataset, np.float32(chances)[:, None])
    gaps = (chances == y).astype(float) - (y == 0)
    half = 1.96 * gaps.std() / np.sqrt(rows)
    told = found["guess"]
    np.testing.assert_allclose(
        told["interval"],
        [told["difference"] - half, told["difference"] + half],
        atol=0.2 * half,
    )
    assert baselines.warning(found) == ""


def test_what_does_not_beat_guessing_is_told():
    y = np.array([0] * 9 + [1])
    problem, dataset = settle(Config(problem="binary"), dataset_of(y))
    found = compared(problem, dataset, np.full((10, 1), 0.2, np.float32))
    assert not baselines.beats_guessing(found)
    assert "is no better than guessing" in baselines.warning(found)
    assert baselines.lines(found)[-1].startswith("NO BETTER THAN GUESSING")


def test_a_difference_that_may_be_chance_is_told_as_such():
    y = np.array([0, 0, 0, 1])
    problem, dataset = settle(Config(problem="binary"), dataset_of(y))
    found = compared(problem, dataset, np.float32(y)[:, None])
    assert "not told apart from guessing" in baselines.warning(found)


def test_a_linear_model_of_too_many_features_is_left_out(monkeypatch):
    monkeypatch.setattr(baselines, "MOST_FEATURES", 100)
    problem, dataset, outputs = settled("binary")
    found = compared(problem, dataset, outputs)
    reason = "160 features are too many to fit one in passing"
    assert found["linear"] == {"left_out": reason}
    assert baselines.lines(found)[1] == f"a linear model: left out, {reason}"


def test_more_rows_than_are_drawn_have_no_interval(monkeypatch):
    monkeypatch.setattr(bootstrap, "MOST_RESAMPLED_ROWS", 10)
    problem, dataset, outputs = settled("binary")
    assert compared(problem, dataset, outputs)["guess"]["interval"] is None
