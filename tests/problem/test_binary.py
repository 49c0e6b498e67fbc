"""Two classes: labels, and figures that are scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics

from tests.problem.scored import dataset_of
from tests.problem.scored import evaluated
from tests.problem.scored import row_of
from tests.problem.test_roc_area import area_error
from trainer.config import Config
from trainer.problem.problems import settle
from trainer.process.exits import UserError


def test_its_row_of_the_table():
    row = ("sigmoid", "binary_crossentropy", 1, "accuracy", np.int32)
    assert row_of("binary", [0, 1, 1]) == row


def test_two_columns_of_marks_may_be_binary():
    settled, dataset = settle(
        Config(problem="binary"), dataset_of([[1, 0], [0, 1]])
    )
    assert settled.outputs == 1
    assert dataset.splits["train"].y.tolist() == [0, 1]


def test_a_third_class_is_refused():
    with pytest.raises(UserError, match=r"holds 3 classes, .* 0, 1, 2"):
        settle(Config(problem="binary"), dataset_of([0, 1, 2]))


def test_classes_have_no_scale():
    settled, _ = settle(Config(problem="binary"), dataset_of([0, 1]))
    assert settled.target_mean is None
    assert settled.target_std is None


def test_figures_are_scikit_learns():
    values, y, p, _ = evaluated("binary", "breast_cancer")
    found = p[:, 0] > 0.5
    scores = sklearn.metrics
    assert values["examples"] == len(y)
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": scores.log_loss(y, np.float64(p[:, 0])),
            "accuracy": scores.accuracy_score(y, found),
            "precision": scores.precision_score(y, found, zero_division=0),
            "recall": scores.recall_score(y, found, zero_division=0),
            "balanced_accuracy": scores.balanced_accuracy_score(y, found),
            "auc": values["auc"],
            "average_precision": values["average_precision"],
        },
        abs=1e-6,
    )
    assert values["average_precision"] == pytest.approx(
        scores.average_precision_score(y, p[:, 0]), abs=0.01
    )
    assert values["auc"] == pytest.approx(
        scores.roc_auc_score(y, p[:, 0]), abs=area_error(y[:, None], p)
    )


def test_an_answer_is_class_1_above_a_half():
    problem, _ = settle(
        Config(problem="binary"), dataset_of([0, 1], ("no", "yes"))
    )
    outputs = np.array([[0.2], [0.5], [0.9]], np.float32)
    assert problem.decide(outputs).tolist() == [0, 0, 1]
    served = problem.served(outputs)
    assert served["class"].numpy().tolist() == [0, 0, 1]
    assert [problem.say(each) for each in (0, 1)] == ["no", "yes"]  # type: ignore[arg-type]
    assert problem.is_tie(outputs, 1e-5).tolist() == [False, True, False]
    wrongness = problem.wrongness(outputs, np.array([1, 0, 1]))
    assert wrongness == pytest.approx([0.8, 0.0, 0.0])


def test_a_headline_that_the_rows_do_not_have_is_said():
    labels = [0] * 97 + [1] * 3
    settled, _ = settle(Config(problem="binary"), dataset_of(labels))
    assert settled.score == "average_precision"
    assert settled.say_score({"average_precision": 0.5}).startswith("0.5000")
    # All of the test rows are of one class.
    assert settled.say_score({"accuracy": 1.0}).startswith("none (average_")
