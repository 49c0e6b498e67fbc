"""Outputs as JSON values: what `strata predict` says, for programs."""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.serving.output import digits


class Asked(NamedTuple):
    """What a body asks.

    Attributes:
      rows: as they are stored, [rows, *shape].
      answer: makes the body of the answer from their outputs.
    """

    rows: np.ndarray
    answer: Callable[[np.ndarray], Any]


def in_rows(problem: Problem, outputs: np.ndarray) -> list[Any]:
    """Returns a value for each row.

    Of values, and of whatever has no answer beside its outputs, it is the list
    of outputs; else an object that holds the answer and them.
    """
    numbers = list(map(digits, outputs))
    answers = map(problem.answer_json, problem.decide(outputs))
    return [
        {**answer, problem.output_name: row} if answer else row
        for answer, row in zip(answers, numbers, strict=True)
    ]


def in_columns(problem: Problem, outputs: np.ndarray) -> Any:
    """Returns the same as an object of columns; one alone is no object."""
    rows = in_rows(problem, outputs)
    if not isinstance(rows[0], dict):
        return rows
    return {name: [row[name] for row in rows] for name in rows[0]}


def class_scores(problem: Problem, outputs: np.ndarray) -> list[Any]:
    """Returns [class or label, its probability] pairs of each row.

    Raises:
      UserError: the problem has no classes.
    """
    if not problem.has_labels:
        raise UserError(
            f":classify is for classes, and the problem is {problem.type!r};"
            " ask by :regress or :predict"
        )
    if outputs.shape[1] < len(problem.labels):  # of two classes, the second's
        outputs = np.hstack([1 - outputs, outputs])
    return [
        [list(pair) for pair in zip(problem.labels, row, strict=True)]
        for row in map(digits, outputs)
    ]


def values(problem: Problem, outputs: np.ndarray) -> list[float]:
    """Returns the value of each row.

    Raises:
      UserError: the problem has classes, or several values a row.
    """
    if problem.has_labels:
        raise UserError(
            f":regress is for values, and the problem is {problem.type!r}; ask"
            " by :classify or :predict"
        )
    if problem.outputs != 1:
        raise UserError(
            f":regress answers one value, and the run has {problem.outputs};"
            " ask by :predict"
        )
    return [row[0] for row in map(digits, outputs)]
