"""Which problem it is: by name, by a run's record or by the labels."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.config import Config
from trainer.config.values import rules
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.sources import Dataset

# Integer labels of more distinct values than this are read as quantities.
MOST_CLASSES_GUESSED = 1000


def type_of(name: str) -> type[Problem]:
    """Returns the type of a name: `Count` of trainer/problem/count.py.

    Raises:
      KeyError: no problem has that name.
    """
    if name == "auto" or name not in rules()["problem"].choices:
        raise KeyError(name)
    module = importlib.import_module(f"trainer.problem.{name}")
    return getattr(module, name.title().replace("_", ""))


def from_record(values: Mapping[str, Any]) -> Problem:
    """Returns the problem that a record.json tells, without its arrays.

    Args:
      values: its "problem".

    Raises:
      KeyError, TypeError: they are another version's.
    """
    named: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
    }
    return type_of(named["type"])(**named)


def guess(labels: np.ndarray) -> str:
    """Names the problem type that labels [rows] or [rows, outputs] fit.

    Two columns or more of zeros and ones are classes, where each row holds one
    1, and independent labels otherwise. Integers are classes where there are
    few of them against the rows; all else is values.
    """
    wide = labels.ndim == 2 and labels.shape[1] > 1
    marks = bool(np.isin(labels, (0, 1)).all())
    if wide and marks:
        one_hot = bool((labels.sum(axis=1) == 1).all())
        return "multiclass" if one_hot else "multilabel"
    if wide or not (marks or np.issubdtype(labels.dtype, np.integer)):
        return "regression"
    distinct = len(np.unique(labels))
    if marks and distinct == 2:
        return "binary"
    few = distinct <= min(MOST_CLASSES_GUESSED, max(2, len(labels) // 2))
    return "multiclass" if few else "regression"


def settle(config: Config, dataset: Dataset) -> tuple[Problem, Dataset]:
    """Settles the problem for a dataset and checks every label.

    Returns:
      The problem, and the dataset with labels as `Problem.convert` returns
      them.

    Raises:
      UserError: labels of the wrong kind or range, or a loss or metric that the
        problem does not have.
    """
    name = config.problem
    if name == "auto":
        name = guess(dataset.splits["train"].labels())
    problem, dataset = type_of(name).settle(name, config, dataset)
    _check_selection(config, problem, dataset)
    return problem, dataset


def _check_selection(
    config: Config, problem: Problem, dataset: Dataset
) -> None:
    metric = config.evaluation.select_by
    if metric is None:
        return
    known = ("loss", *problem.metrics)
    if metric not in known:
        raise UserError(
            f"config.evaluation.select_by={metric!r} is none of"
            f" {', '.join(known)}, the metrics of problem {problem.type!r}"
        )
    if "validation" not in dataset.splits:
        raise UserError(
            f"config.evaluation.select_by={metric!r} needs a validation split;"
            " set config.data.validation_fraction, such as 0.1"
        )
