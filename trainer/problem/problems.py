"""Which problem it is: by name, by a run's record or by the labels."""

import importlib
from collections.abc import Mapping
from typing import Any

from trainer.config import Config
from trainer.config.values import rules
from trainer.problem.decisions import USUAL_THRESHOLD
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources.labels import Guess
from trainer.sources.labels import guess


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
    found = type_of(named["type"])(**named)
    if found.loss not in found.names_of_losses():
        raise TypeError(f"a loss {found.loss!r} of another problem")
    return found


def guessed(dataset: Dataset) -> Guess:
    """Names the problem that labels fit, whichever rows were held out."""
    return dataset.guess or guess(
        dataset.splits["train"].labels(), are_named=bool(dataset.class_names)
    )


def settle(
    config: Config, dataset: Dataset, earlier: Problem | None = None
) -> tuple[Problem, Dataset]:
    """Settles the problem for a dataset and checks every label.

    Args:
      config: of the run.
      dataset: labels as they are stored.
      earlier: the problem of the run that the data is for, whose type and
        classes hold; None where there is none yet.

    Returns:
      The problem, and the dataset with labels as `Problem.convert` returns
      them.

    Raises:
      UserError: labels of the wrong kind or range, or a loss or metric that the
        problem does not have.
    """
    name = earlier.type if earlier else config.problem
    if name == "auto":
        name = guessed(dataset).problem
    problem, dataset = type_of(name).settle(name, config, dataset, earlier)
    if earlier is None:
        _check_positive(config, problem)
    train = dataset.splits["train"].labels()
    problem = problem.as_asked(config, train)
    if earlier is None:
        _check_threshold(config, problem)
    _check_selection(config, problem, dataset)
    return problem, dataset


def _check_threshold(config: Config, problem: Problem) -> None:
    """Refuses a threshold where none decides.

    Runs of earlier versions left it aside, and go on.
    """
    threshold = config.evaluation.threshold
    if threshold != USUAL_THRESHOLD and not problem.takes_threshold:
        raise UserError(
            f"config.evaluation.threshold={threshold!r} is for problem"
            f" 'binary', and this is {problem.type!r}; leave it out"
        )


def _check_positive(config: Config, problem: Problem) -> None:
    """Refuses a positive class where rows are of no class."""
    positive = config.data.positive_class
    if positive is not None and not problem.has_class:
        raise UserError(
            f"config.data.positive_class={positive!r} is for two classes, and"
            f" problem {problem.type!r} has none; leave it out"
        )


def _check_selection(
    config: Config, problem: Problem, dataset: Dataset
) -> None:
    _check_validated(config, problem, dataset)
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


def _check_validated(
    config: Config, problem: Problem, dataset: Dataset
) -> None:
    """Refuses what is fitted on validation rows, where there are none."""
    chosen = config.evaluation
    has_metric = chosen.threshold_by not in ("auto", "none")
    if has_metric and not problem.takes_threshold:
        raise UserError(
            f"config.evaluation.threshold_by={chosen.threshold_by!r} is for"
            f" problem 'binary', and this is {problem.type!r}; leave it out"
        )
    for field, value, is_asked in (
        (
            "threshold_by",
            chosen.threshold_by,
            has_metric,
        ),
        (
            "temperature_scaling",
            chosen.temperature_scaling,
            chosen.temperature_scaling,
        ),
    ):
        if is_asked and "validation" not in dataset.splits:
            raise UserError(
                f"config.evaluation.{field}={value!r} needs a validation"
                " split; set config.data.validation_fraction, such as 0.1"
            )
