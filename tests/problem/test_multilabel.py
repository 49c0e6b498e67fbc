"""Several labels a row: figures that are scikit-learn's."""

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
    row = ("sigmoid", "binary_crossentropy", 2, "binary_accuracy", np.uint8)
    assert row_of("multilabel", [[0, 1], [1, 1]]) == row


def test_a_label_of_2_is_refused():
    with pytest.raises(UserError, match=r"y_train\[1\]=\[2, 1\]: .*0 or 1"):
        settle(Config(problem="multilabel"), dataset_of([[0, 1], [2, 1]]))


def test_figures_are_scikit_learns():
    values, y, p, _ = evaluated("multilabel", "digits_attributes")
    found = p > 0.5
    scores = sklearn.metrics
    losses = [
        scores.log_loss(y[:, i], np.float64(p[:, i]), labels=[0, 1])
        for i in range(y.shape[1])
    ]
    assert values == pytest.approx(
        {
            "examples": len(y),
            "loss": np.mean(losses),
            "binary_accuracy": (found == y).mean(),
            "exact_match": scores.accuracy_score(y, found),
            "f1_micro": scores.f1_score(y, found, average="micro"),
            "auc": values["auc"],
        },
        abs=1e-6,
    )
    assert values["auc"] == pytest.approx(
        scores.roc_auc_score(y, p, average="macro"), abs=area_error(y, p)
    )


def test_an_answer_is_a_mark_for_each_label():
    y = [[0, 1], [1, 1]]
    problem, _ = settle(
        Config(problem="multilabel"), dataset_of(y, ("round", "even"))
    )
    outputs = np.array([[0.2, 0.9], [0.6, 0.7], [0.1, 0.4]], np.float32)
    answers = problem.decide(outputs)
    assert answers.tolist() == [[0, 1], [1, 1], [0, 0]]
    said = [problem.say(answer) for answer in answers]
    assert said == ["even", "round, even", "none"]
    assert list(problem.served(outputs)) == ["probabilities"]
