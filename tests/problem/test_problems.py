"""The problem table: what labels mean, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config.values import rules
from trainer.problem import problems
from trainer.problem.problems import guess
from trainer.problem.problems import settle
from trainer.problem.problems import TABLE
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split

FLOATS = np.linspace(-3, 9, 12)


def dataset_of(y, class_names=(), **others):
    labels = {"train": y, "test": y, **others}
    return Dataset(
        name="made",
        splits={
            key: Split(np.zeros((len(each), 1)), np.asarray(each))
            for key, each in labels.items()
        },
        kind="table",
        class_names=class_names,
    )


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        # One column.
        ([0, 1, 1, 0], "binary"),
        ([[0], [1], [1]], "binary"),
        ([0.0, 1.0, 1.0], "binary"),
        ([0, 1, 2, 0, 1, 2], "multiclass"),
        ([0, 0, 0, 0], "multiclass"),
        ([3, 4, 3, 4], "multiclass"),
        # As many integers as rows, or nearly so: quantities.
        (np.arange(12), "regression"),
        (np.arange(12) // 2, "multiclass"),
        (np.arange(4000) // 2, "regression"),
        (np.arange(2000) // 2, "multiclass"),
        # Numbers with a point are values, however few.
        ([0.5, 1.0, 0.5, 1.0], "regression"),
        ([1.0, 2.0, 3.0, 1.0], "regression"),
        (FLOATS, "regression"),
        # Several columns.
        (np.eye(4, 3)[:3], "multiclass"),
        (np.eye(3, dtype=bool).view(np.uint8), "multiclass"),
        ([[0, 1, 1], [0, 0, 0]], "multilabel"),
        ([[1.0, 1.0], [0.0, 1.0]], "multilabel"),
        ([[1, 2], [0, 1]], "regression"),
        (np.stack([FLOATS, FLOATS], 1), "regression"),
    ],
)
def test_a_problem_is_read_from_the_labels(labels, problem):
    assert guess(np.asarray(labels)) == problem


def test_the_table_holds_every_problem():
    assert set(TABLE) | {"auto"} == set(rules()["problem"].choices)


@pytest.mark.parametrize(
    ("problem", "y", "expected"),
    [
        (
            "binary",
            [0, 1, 1],
            ("sigmoid", "binary_crossentropy", 1, "accuracy", np.int32),
        ),
        (
            "multiclass",
            [0, 2, 1],
            ("softmax", "categorical_crossentropy", 3, "accuracy", np.int32),
        ),
        (
            "multilabel",
            [[0, 1], [1, 1]],
            ("sigmoid", "binary_crossentropy", 2, "binary_accuracy", np.uint8),
        ),
        (
            "regression",
            [0.5, 2.0, 3.0],
            ("linear", "mean_squared_error", 1, "r2", np.float32),
        ),
        (
            "bounded_regression",
            [[0.5, 1.0], [0.0, 0.2]],
            ("sigmoid", "mean_squared_error", 2, "r2", np.float32),
        ),
    ],
)
def test_a_row_of_the_table(problem, y, expected):
    activation, loss, outputs, score, dtype = expected
    settled, dataset = settle(Config(problem=problem), dataset_of(y))
    assert settled.type == problem
    assert (settled.activation, settled.loss) == (activation, loss)
    assert (settled.outputs, settled.score) == (outputs, score)
    for split in dataset.splits.values():
        assert split.y.dtype == dtype
        wide = problem not in ("binary", "multiclass")
        assert split.y.shape == ((len(y), outputs) if wide else (len(y),))
        np.testing.assert_allclose(split.y.ravel(), np.ravel(y), rtol=1e-6)


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40))
def test_one_hot_rows_are_the_classes_they_mark(classes):
    classes = [0, *classes, 6]
    config = Config(problem="multiclass")
    marked, from_marks = settle(config, dataset_of(np.eye(7)[classes]))
    plain, from_classes = settle(config, dataset_of(classes))
    assert marked.outputs == plain.outputs == 7
    for key in ("train", "test"):
        y = from_marks.splits[key].y
        np.testing.assert_array_equal(y, from_classes.splits[key].y)
        np.testing.assert_array_equal(y, classes)


def test_two_columns_of_marks_may_be_binary():
    settled, dataset = settle(
        Config(problem="binary"), dataset_of([[1, 0], [0, 1]])
    )
    assert settled.outputs == 1
    assert dataset.splits["train"].y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("encoding", "loss", "one_hot"),
    [
        ("one_hot", "categorical_crossentropy", True),
        ("integer", "sparse_categorical_crossentropy", False),
    ],
)
def test_how_classes_reach_the_loss(encoding, loss, one_hot):
    config = Config(problem="multiclass", label_encoding=encoding)
    settled, _ = settle(config, dataset_of([0, 1, 2]))
    assert (settled.loss, settled.one_hot) == (loss, one_hot)


def test_named_classes_count_even_where_none_is_trained():
    names = ("a", "b", "c")
    settled, _ = settle(
        Config(problem="multiclass"), dataset_of([0, 1, 0, 1], names)
    )
    assert settled.outputs == 3
    assert settled.class_names == names


@pytest.mark.parametrize("problem", sorted(TABLE))
def test_a_loss_is_one_of_the_problem(problem):
    y = [[0, 1], [1, 1]] if problem == "multilabel" else [0, 1, 1, 0]
    for loss in ("binary_crossentropy", "categorical_crossentropy", "mse"):
        config = Config(problem=problem, loss=loss)
        if loss in TABLE[problem].losses:
            settled, _ = settle(config, dataset_of(y))
            assert settled.loss == loss.replace("mse", "mean_squared_error")
        else:
            with pytest.raises(UserError, match=f"'{loss}' does not fit"):
                settle(config, dataset_of(y))


@pytest.mark.parametrize(
    ("problem", "chosen", "mean", "std"),
    [
        ("regression", "auto", [3.0, 5.0], [1.0, 1.0]),
        ("regression", "standardize", [3.0, 5.0], [1.0, 1.0]),
        ("regression", "none", [0.0, 0.0], [1.0, 1.0]),
        ("bounded_regression", "auto", [0.0, 0.0], [1.0, 1.0]),
        ("bounded_regression", "none", [0.0, 0.0], [1.0, 1.0]),
    ],
)
def test_the_scale_of_targets(problem, chosen, mean, std):
    # The second column never changes: its deviation of 0 divides nothing.
    y = np.array([[2.0, 5.0], [4.0, 5.0]])
    y = y / 5 if problem == "bounded_regression" else y
    config = Config(
        problem=problem, data=DataConfig(target_normalization=chosen)
    )
    settled, _ = settle(config, dataset_of(y, test=y[:1]))
    assert settled.target_mean.tolist() == mean
    assert settled.target_std.tolist() == std
    assert settled.target_std.dtype == np.float32


def test_classes_have_no_scale():
    settled, _ = settle(Config(problem="binary"), dataset_of([0, 1]))
    assert settled.target_mean is None
    assert settled.target_std is None


@pytest.mark.parametrize("problem", sorted(TABLE))
def test_each_metric_of_a_problem_selects(problem):
    y = [[0, 1], [1, 1]] if problem == "multilabel" else [0, 1, 1, 0]
    data = dataset_of(y, validation=y)
    for metric in ("loss", *TABLE[problem].metrics):
        config = Config(
            problem=problem, evaluation=EvaluationConfig(select_by=metric)
        )
        assert metric in ("loss", *settle(config, data)[0].metrics)
    other = Config(
        problem=problem, evaluation=EvaluationConfig(select_by="kappa")
    )
    with pytest.raises(UserError, match="'kappa' is none of loss, "):
        settle(other, data)


def test_which_metrics_are_better_lower():
    metrics = {m for row in TABLE.values() for m in row.metrics} | {"loss"}
    lower = metrics & set(problems.LOWER_IS_BETTER)
    assert lower == {"loss", "mae", "mse"}
