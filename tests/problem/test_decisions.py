"""What is fitted on validation rows: a threshold and a temperature."""

import numpy as np
import pytest
import sklearn.metrics

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.problem.decisions import best_threshold
from trainer.problem.problems import settle
from trainer.process.exits import UserError

RANDOM = np.random.RandomState(0)
MARKS = (RANDOM.rand(300) < 0.1).astype(np.int64)
CHANCES = np.clip(
    np.round(0.1 * RANDOM.randn(300) + 0.2 * MARKS + 0.2, 2), 0, 1
).astype(np.float32)


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("f1", sklearn.metrics.f1_score),
        ("accuracy", sklearn.metrics.accuracy_score),
        ("balanced_accuracy", sklearn.metrics.balanced_accuracy_score),
    ],
)
def test_a_threshold_is_nearly_the_best_of_many_rows(metric, score):
    marks, chances = drawn(10_000)
    threshold = best_threshold(marks, chances, metric)
    own = score(marks, threshold < chances)
    places = np.linspace(0, 1, 100)
    others = [score(marks, t < chances) for t in np.quantile(chances, places)]
    assert own > max(others) - 0.01


@pytest.mark.parametrize(("shift", "threshold"), [(0, 0.5), (0.4, 0.7)])
def test_no_row_is_positive_where_that_is_most_accurate(shift, threshold):
    marks = np.repeat([0, 1, 0, 1], [95, 5, 70, 30])
    chances = np.repeat([0.05, 0.3], 100).astype(np.float32) + np.float32(shift)
    found = best_threshold(marks, chances, "accuracy")
    assert found == pytest.approx(threshold)
    assert not (found < chances).any()


def drawn(
    rows: int, seed: int = 0, shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Chances of a rare class, all too great or too small by a shift."""
    random = np.random.RandomState(seed)
    marks = (random.rand(rows) < 0.04).astype(np.int64)
    logits = random.randn(rows) + marks - 3.7 + shift
    return marks, (1 / (1 + np.exp(-logits))).astype(np.float32)


@pytest.mark.parametrize("shift", [-1.0, 0.0, 2.0])
def test_a_threshold_of_few_positives_finds_as_many_in_new_rows(shift):
    marks, chances = drawn(20_000, shift=shift)
    found = []
    for seed in range(1, 31):
        few = drawn(640, seed, shift)
        threshold = best_threshold(few[0], few[1], "f1")
        found.append((threshold < chances)[marks == 1].mean())
    # The best of those rows themselves finds from 2 % to 80 %.
    assert 0.15 < min(found) < max(found) < 0.55


def test_rows_of_one_class_choose_no_threshold():
    chances = np.full(9, 0.2, np.float32)
    for marks in (np.zeros(9, np.int64), np.ones(9, np.int64)):
        assert best_threshold(marks, chances, "f1") == 0.5


def test_the_nearest_to_a_half_is_taken_of_those_alike():
    chances = np.array([0.1, 0.4, 0.6, 0.9], np.float32)
    threshold = best_threshold(np.array([0, 0, 1, 1]), chances, "accuracy")
    assert threshold == pytest.approx(0.5)


def problem_of(y, **evaluation):
    config = Config(problem="auto")
    for name, value in evaluation.items():
        setattr(config.evaluation, name, value)
    return settle(config, dataset_of(y, validation=y))[0], config.evaluation


def test_a_rare_class_has_a_threshold_chosen_unless_one_is_set():
    problem, config = problem_of(MARKS)
    assert problem.has_decision(config)
    chosen = problem.threshold_of(CHANCES[:, None], MARKS, config)
    assert chosen == best_threshold(MARKS, CHANCES, "f1")
    for fields in ({"threshold": 0.3}, {"threshold_by": "none"}):
        problem, config = problem_of(MARKS, **fields)
        assert not problem.has_decision(config)
    problem, config = problem_of(1 - MARKS)
    assert not problem.has_decision(config)


def test_a_threshold_decides_in_numpy_and_tensorflow():
    problem, _ = problem_of(MARKS, threshold=0.3)
    outputs = np.array([[0.2], [0.3], [0.31], [0.9]], np.float32)
    told = [0, 0, 1, 1]
    assert problem.decide(outputs).tolist() == told
    assert problem.served(outputs)["class"].numpy().tolist() == told
    assert problem.is_tie(outputs, 1e-4).tolist() == [False, True, False, False]
    wrong = problem.wrongness(outputs, np.array([0, 1, 0, 1]))
    np.testing.assert_allclose(wrong, [0, 0.7, 0.31, 0], rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 4])
def test_a_temperature_makes_up_for_logits_that_were_multiplied(classes):
    random = np.random.RandomState(1)
    logits = 2 * random.randn(20_000, classes)
    logits -= logits.mean(axis=1, keepdims=True)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (chances.cumsum(axis=1) < random.rand(20_000, 1)).sum(axis=1)
    sharp = chances**3
    sharp = np.float32(sharp / sharp.sum(axis=1, keepdims=True))
    problem, _ = problem_of(y)
    outputs = sharp[:, 1:] if classes == 2 else sharp
    assert problem.temperature_of(outputs, y) == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize(
    ("problem", "fields", "words"),
    [
        ("binary", {"threshold_by": "f1"}, "needs a validation split"),
        ("binary", {"temperature_scaling": True}, "needs a validation split"),
        ("multiclass", {"threshold_by": "f1"}, "is for problem 'binary'"),
        ("multiclass", {"threshold": 0.3}, "is for problem 'binary'"),
        ("regression", {"threshold": 0.3}, "is for problem 'binary'"),
        ("regression", {"temperature_scaling": True}, "is for classes"),
    ],
)
def test_what_cannot_be_fitted_is_refused(problem, fields, words):
    config = Config(problem=problem)
    for name, value in fields.items():
        setattr(config.evaluation, name, value)
    with pytest.raises(UserError, match=words):
        settle(config, dataset_of([0, 1, 0, 1]))


def test_an_earlier_run_goes_on_with_a_threshold_that_decides_nothing():
    config, data = Config(problem="multilabel"), dataset_of([[0, 1], [1, 1]])
    earlier, _ = settle(config, data)
    config.evaluation.threshold = 0.9
    with pytest.raises(UserError, match=r"=0\.9 .* this is 'multilabel'"):
        settle(config, data)
    found, _ = settle(config, data, earlier)
    assert found.decide(np.array([[0.6, 0.4]])).tolist() == [[1, 0]]
