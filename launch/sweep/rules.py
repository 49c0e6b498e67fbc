"""What may be searched, and for what: held against the config and the data."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.config.values import unknown_field
from trainer.launch.sweep.ranges import Value
from trainer.launch.sweep.space import is_used
from trainer.launch.sweep.space import Space
from trainer.problem import problems
from trainer.problem.problem import Problem
from trainer.problem.roc_area import AREAS
from trainer.process.exits import UserError
from trainer.sources import Dataset

# Fields that say which rows there are, and which of them are scored by what.
SETTLED = (
    "seed",
    "problem",
    "data.source",
    "data.target",
    "data.group",
    "data.order",
    "data.folds",
    "data.fold",
    "data.positive_class",
    "data.validation_fraction",
    "data.test_fraction",
    "evaluation.test_each_time",
    "evaluation.test_at_end",
)
# Fields that change what the loss is of.
OF_LOSS = (
    "loss",
    "focal_gamma",
    "label_smoothing",
    "data.class_weight",
    "data.weight",
)


def check_metric(metric: str, problem: Problem) -> None:
    """Checks that the problem has a metric.

    Raises:
      UserError: it has not.
    """
    known = ("loss", *problem.metrics)
    if metric not in known:
        raise UserError(
            f"the study's metric={metric!r} is none of {', '.join(known)}, the"
            f" metrics of problem {problem.type!r}"
        )


def check_scored(metric: str, labels: Iterable[tuple[str, np.ndarray]]) -> None:
    """Checks that each run's validation rows can have a metric.

    Args:
      metric: that is searched for.
      labels: each run's name, "" of an only one, and those rows' labels.

    Raises:
      UserError: some run's are all alike, and the metric is an area.
    """
    if metric not in AREAS:
        return
    for name, y in labels:
        if (y == y[:1]).all():
            raise UserError(
                f"metric {metric!r} takes rows with the class and without, and"
                f" the {len(y)} validation rows{name and f' of {name}'} are all"
                " alike; name another metric in the study, or hold out others"
            )


def check_space(
    space: Space, metric: str, config: Config, dataset: Dataset
) -> None:
    """Checks that each field exists, and that it may have its extreme values.

    Raises:
      UserError: naming the field.
    """
    known = flatten(config)
    for field, each in space.items():
        if field not in known:
            raise unknown_field(field)
        if field in SETTLED or field.startswith(("checkpoint.", "log.")):
            raise UserError(
                f"the study's {field} is not to be searched: every trial is"
                " trained and scored on the same rows; set it by"
                f" --config.{field}"
            )
        if metric == "loss" and field in OF_LOSS:
            raise UserError(
                f"the study's {field} changes what the loss is of, and the"
                " search is for the loss; name another metric, or leave it out"
            )
        for value in each.ends():
            _check_value(field, value, space, known, dataset)


def _check_value(
    field: str,
    value: Value,
    space: Space,
    known: Mapping[str, Any],
    dataset: Dataset,
) -> None:
    """Checks that a field may have a value, by itself or beside some others.

    Raises:
      UserError: what is wrong with it by itself.
    """
    first: UserError | None = None
    for values in settings(field, value, space):
        try:
            changed = from_dict({**known, **values})
            problems.settle(validate(changed), dataset)
            return
        except UserError as error:
            first = first or error
    raise UserError(f"the study's {field}: {first}") from first


def settings(
    field: str, value: Value, space: Space
) -> Iterator[dict[str, Value]]:
    """Yields settings in which a field has a value, and its range is used.

    They are few of all that a search may choose: other ranges are left out,
    then all or one of them are at their first end, their second and so on.
    """
    most = max(len(each.ends()) for each in space.values())
    for chain in _chains(field, space):
        fixed = {**chain, field: value}
        yield fixed
        others = [name for name in space if name not in fixed]
        for some in (others, *([name] for name in others)):
            for end in range(most):
                yield _beside(fixed, some, end, space)


def _chains(field: str, space: Space) -> Iterator[dict[str, Value]]:
    """Yields values of other fields by which a field's range is used."""
    when = space[field].when
    if when is None:
        yield {}
        return
    for value in when[1]:
        for chain in _chains(when[0], space):
            yield {**chain, when[0]: value}


def _beside(
    fixed: Mapping[str, Value], others: list[str], end: int, space: Space
) -> dict[str, Value]:
    """Returns fixed values, and an end of each other range that is used."""
    values: dict[str, Value] = {}
    for name, each in space.items():
        if name in fixed:
            values[name] = fixed[name]
        elif name in others and is_used(each, values):
            ends = each.ends()
            values[name] = ends[min(end, len(ends) - 1)]
    return values


def broken_rule(values: Mapping[str, Value], config: Config) -> str | None:
    """Returns the rule of the config that values break together, if any.

    Args:
      values: of a trial's fields, each of which alone may be.
      config: that has the other fields.
    """
    changed = from_dict({**flatten(config), **values})
    try:
        validate(changed)
    except UserError as error:
        return str(error)
    return None
