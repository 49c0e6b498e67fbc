"""What may be searched, and for what: held against the config and the data."""

from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np

from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import assign
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.config.values import unknown_field
from trainer.launch.sweep.ranges import Value
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
            changed = from_dict(known)
            if each.when is not None:
                assign(changed, {each.when[0]: each.when[1][0]})
            assign(changed, {field: value})
            try:
                problems.settle(validate(changed), dataset)
            except UserError as error:
                raise UserError(f"the study's {field}: {error}") from error


def broken_rule(values: Mapping[str, Value], config: Config) -> str | None:
    """Returns the rule of the config that values break together, if any.

    Args:
      values: of a trial's fields, each of which alone may be.
      config: that has the other fields.
    """
    changed = from_dict(flatten(config))
    assign(changed, dict(values))
    try:
        validate(changed)
    except UserError as error:
        return str(error)
    return None
