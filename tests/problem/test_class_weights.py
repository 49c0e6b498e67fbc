"""Class weights, focal loss and label smoothing: exact, or refused."""

import numpy as np
import pytest
import sklearn.utils
import tensorflow as tf

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.problem.problems import settle
from trainer.process.exits import UserError

CHANCES = np.array(
    [[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]],
    np.float32,
)
CLASSES = np.array([0, 2, 1, 1])
MARKS = np.array([0, 1, 1, 0])


def settled(problem, y, class_weight=None, names=(), **fields):
    config = Config(problem=problem, **fields)
    config.data.class_weight = class_weight
    return settle(config, dataset_of(y, names))[0]


def losses(problem, y, outputs):
    targets = problem.targets(tf.constant(y))
    return problem.row_losses(targets, tf.constant(outputs)).numpy()


def test_balanced_weights_are_scikit_learns():
    y = np.array([0] * 70 + [1] * 20 + [2] * 10)
    expected = sklearn.utils.class_weight.compute_class_weight(
        "balanced", classes=np.arange(3), y=y
    )
    problem = settled("multiclass", y, "balanced")
    assert problem.class_weights == pytest.approx(tuple(expected))


@pytest.mark.parametrize("encoding", ["one_hot", "integer"])
def test_each_class_weighs_its_rows_losses(encoding):
    weight = "a=1,b=4,c=0.5"
    names = ("a", "b", "c")
    fields = {"label_encoding": encoding, "names": names}
    problem = settled("multiclass", CLASSES, weight, **fields)
    plain = settled("multiclass", CLASSES, **fields)
    np.testing.assert_allclose(
        losses(problem, CLASSES, CHANCES),
        losses(plain, CLASSES, CHANCES) * np.array([1, 0.5, 4, 4]),
        rtol=1e-6,
    )
    assert problem.row_weights(CLASSES).tolist() == [1, 0.5, 4, 4]


def test_two_classes_weigh_theirs():
    problem = settled("binary", MARKS, "no=1,yes=5", names=("no", "yes"))
    plain = settled("binary", MARKS)
    np.testing.assert_allclose(
        losses(problem, MARKS, CHANCES[:, :1]),
        losses(plain, MARKS, CHANCES[:, :1]) * np.array([1, 5, 5, 1]),
        rtol=1e-6,
    )


@pytest.mark.parametrize("gamma", [0.0, 2.0])
def test_focal_loss_is_that_of_the_paper(gamma):
    """T.-Y. Lin and others 2017, equation 4."""
    fields = {"loss": "focal", "focal_gamma": gamma}
    problem = settled("multiclass", CLASSES, label_encoding="integer", **fields)
    of_true = CHANCES[np.arange(4), CLASSES]
    np.testing.assert_allclose(
        losses(problem, CLASSES, CHANCES),
        -((1 - of_true) ** gamma) * np.log(of_true),
        rtol=1e-5,
    )
    problem = settled("binary", MARKS, **fields)
    of_true = np.where(MARKS == 1, CHANCES[:, 0], 1 - CHANCES[:, 0])
    np.testing.assert_allclose(
        losses(problem, MARKS, CHANCES[:, :1]),
        -((1 - of_true) ** gamma) * np.log(of_true),
        rtol=1e-5,
    )


def test_smoothing_spreads_a_share_of_each_mark():
    problem = settled("multiclass", CLASSES, label_smoothing=0.3)
    spread = 0.7 * np.eye(3)[CLASSES] + 0.1
    np.testing.assert_allclose(
        losses(problem, CLASSES, CHANCES),
        -(spread * np.log(CHANCES)).sum(axis=1),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        ("ballanced", "must be 'balanced' or such as 'no=1,yes=5'"),
        ("a=1", "'b' is not in both; the classes are a, b, c"),
        ("a=1,b=2,c=-3", "'c=-3' is none of 0 or more"),
        ("a=1,b=2, a=9,c=3", "and 'a' has 2; leave one"),
    ],
)
def test_other_weights_are_refused(weight, words):
    with pytest.raises(UserError, match=words):
        settled("multiclass", CLASSES, weight, names=("a", "b", "c"))


def test_a_run_that_took_the_last_of_two_weights_goes_on():
    config = Config(problem="multiclass")
    dataset = dataset_of(CLASSES, ("a", "b", "c"))
    earlier, _ = settle(config, dataset)
    config.data.class_weight = "a=1,b=2,a=9,c=3"
    problem, _ = settle(config, dataset, earlier)
    assert problem.class_weights == (9, 2, 3)


@pytest.mark.parametrize(
    ("problem", "field", "fields"),
    [
        ("regression", "data.class_weight", {"class_weight": "balanced"}),
        ("regression", "label_smoothing", {"label_smoothing": 0.1}),
        ("multilabel", "data.class_weight", {"class_weight": "balanced"}),
    ],
)
def test_values_and_labels_have_no_classes_to_weigh(problem, field, fields):
    with pytest.raises(UserError, match=f"config.{field}=.* is for classes"):
        settled(problem, np.eye(3)[CLASSES], **fields)


def test_skewed_classes_have_a_headline_that_guessing_does_not_win():
    assert settled("binary", [0] * 9 + [1]).score == "average_precision"
    assert settled("binary", [0] + [1] * 9).score == "balanced_accuracy"
    assert settled("binary", [0] * 8 + [1] * 2).score == "accuracy"
    assert settled("multiclass", [0] * 9 + [1, 2]).score == "balanced_accuracy"


def test_the_positive_class_is_the_last():
    config = Config(problem="binary")
    config.data.positive_class = "no"
    problem, dataset = settle(config, dataset_of([0, 1, 1], ("no", "yes")))
    assert problem.labels == ("yes", "no")
    assert dataset.splits["train"].y.tolist() == [1, 0, 0]
    assert "positive class: no" in problem.told()
    config.data.positive_class = "maybe"
    with pytest.raises(UserError, match="is none of the classes, no and yes"):
        settle(config, dataset_of([0, 1, 1], ("no", "yes")))
    config.problem = "multiclass"
    with pytest.raises(UserError, match="is for two classes, and there are 3"):
        settle(config, dataset_of([0, 1, 2]))
