"""Mistakes in the labels, and in what is asked of them."""

import numpy as np

from tests.bad_input.data import arrays
from tests.bad_input.data import of_files
from tests.bad_input.data import Y
from tests.bad_input.row import DIGITS
from tests.bad_input.row import Row

LABELS = [
    of_files(
        "three classes in binary",
        ("y_train holds 3 classes", "problem 'binary' has two"),
        arrays(y_train=np.arange(8) % 3),
        "--config.problem=binary",
    ),
    of_files(
        "a class that is in one split alone",
        ("y_test[0] is '0'", "the classes are -1, 1;"),
        arrays(y_train=Y * 2 - 1),
        "--config.problem=multiclass",
    ),
    of_files(
        "half a class",
        ("y_train[1]=0.5", "classes are whole numbers, or names"),
        arrays(y_train=Y / 2, y_test=Y / 2),
        "--config.problem=multiclass",
    ),
    of_files(
        "an empty name for a class",
        ("y_train[0] is an empty text", "must be a name"),
        arrays(y_train=np.array(["", "oak"] * 4), y_test=np.array(["oak"] * 8)),
    ),
    of_files(
        "a label that is no value",
        ("y_train[0] is 'nan', which stands for no value", "write one, or"),
        arrays(
            y_train=np.array([np.nan, "oak", "none", "elm"] * 2),
            y_test=np.array(["oak"] * 8),
        ),
    ),
    of_files(
        "a single label without a row",
        ("y_train has shape ()", "it must be [rows] or"),
        arrays(y_train=np.array(True), y_test=Y == 1),
    ),
    of_files(
        "a class that was not trained",
        ("y_test[2] is '2'", "no training row has", "are 0, 1;"),
        arrays(y_test=np.arange(8) % 3),
        "--config.problem=multiclass",
    ),
    of_files(
        "a single class",
        ("y_train holds a single class",),
        arrays(y_train=Y * 0, y_test=Y * 0),
    ),
    of_files(
        "two classes in a one-hot row",
        ("y_train[0]=[1, 1]", "a single 1"),
        arrays(y_train=np.ones((8, 2), int), y_test=np.eye(8, 2, dtype=int)),
        "--config.problem=multiclass",
    ),
    of_files(
        "a mark of two",
        ("y_train[1]=[2, 0]", "labels of problem 'multilabel' are 0 or 1"),
        arrays(
            y_train=np.stack([Y * 2, Y * 0], 1),
            y_test=np.stack([Y, Y], 1),
        ),
        "--config.problem=multilabel",
    ),
    of_files(
        "a target out of bounds",
        ("y_train[1]=[1.5]", "lie in [0, 1]"),
        arrays(y_train=Y * 1.5, y_test=Y * 0.5),
        "--config.problem=bounded_regression",
    ),
    of_files(
        "a target that is no count",
        ("y_train[1]=[1.5]", "whole numbers of 0 and more"),
        arrays(y_train=Y * 1.5, y_test=Y * 1.0),
        "--config.problem=count",
    ),
    of_files(
        "a target beyond float32",
        ("y_train has 1e+300 in row 1", "float32"),
        arrays(y_train=Y * 1e300, y_test=Y * 0.5),
        "--config.problem=regression",
    ),
    of_files(
        "bounded targets standardised",
        ("target_normalization='standardize'", "stay in [0, 1]"),
        arrays(),
        "--config.problem=bounded_regression"
        " --config.data.target_normalization=standardize",
    ),
    Row(
        "a loss of another problem",
        f"{DIGITS} --config.loss=mse",
        ("config.loss='mse'", "'multiclass'", "categorical_crossentropy"),
    ),
    Row(
        "unknown metric",
        f"{DIGITS} --config.evaluation.select_by=auc",
        ("config.evaluation.select_by='auc'", "loss, accuracy"),
    ),
    Row(
        "no validation split to select by",
        f"{DIGITS} --config.evaluation.select_by=loss"
        " --config.data.validation_fraction=0",
        ("select_by='loss'", "config.data.validation_fraction"),
    ),
]
