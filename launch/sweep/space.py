"""What a search may set: the ranges of a config's fields, and default ones."""

from collections.abc import Mapping
from typing import Any
from typing import TYPE_CHECKING

from trainer.launch.sweep.ranges import Choice
from trainer.launch.sweep.ranges import Layers
from trainer.launch.sweep.ranges import Number
from trainer.launch.sweep.ranges import Range
from trainer.launch.sweep.ranges import Value
from trainer.process.exits import UserError

if TYPE_CHECKING:
    import optuna

Space = Mapping[str, Range]


def default_space(rows: int) -> Space:
    """Returns the ranges of a search that names none.

    Args:
      rows: to train on; few rows take no large batches.
    """
    batches = (16, 32, 64, 128, 256, 512)
    return {
        "model.hidden_units": Layers(depth=(1, 3), width=(16, 512)),
        "model.dropout": Number(0.0, 0.5),
        "model.l2": Number(1e-7, 1e-2, log=True),
        "optimizer.learning_rate": Number(1e-4, 3e-2, log=True),
        # Some steps an epoch are left to each.
        "global_batch_size": Choice(
            tuple(b for b in batches if 10 * b <= rows) or batches[:1]
        ),
    }


def suggest(trial: "optuna.trial.BaseTrial", space: Space) -> dict[str, Value]:
    """Returns a trial's value of each field that it has one of."""
    values: dict[str, Value] = {}
    for field, each in space.items():
        if is_used(each, values):
            values[field] = each.suggest(trial, field)
    return values


def is_used(each: Range, values: Mapping[str, Value]) -> bool:
    """Whether a range is used, by the values of those before it."""
    if each.when is None:
        return True
    field, wanted = each.when
    return field in values and values[field] in wanted


def check(space: Space) -> None:
    """Checks ranges, as far as they can be by themselves.

    Raises:
      UserError: one is empty, or its condition is of no range before it.
    """
    before: list[str] = []
    if not isinstance(space, Mapping):
        raise UserError(
            f"the study's space={space!r} must be {{field: its range}}"
        )
    for field, each in space.items():
        if not isinstance(field, str):
            raise UserError(
                f"the study's space has {field!r}, which is no field; name one"
                " such as 'optimizer.learning_rate'"
            )
        if not isinstance(each, Range):
            raise UserError(
                f"the study's {field}={each!r} is no range; take Number, Whole,"
                " Choice or Layers of trainer.launch.sweep.study"
            )
        if fault := each.fault():
            raise UserError(f"the study's {field}: {fault}")
        if each.when is not None:
            _check_condition(field, each.when, before)
        before.append(field)


def _check_condition(field: str, when: Any, before: list[str]) -> None:
    if not _is_condition(when):
        raise UserError(
            f"the study's {field} has when={when!r}, which must be (a field"
            " before it, its values), such as ('optimizer.name', ('sgd',))"
        )
    if when[0] not in before:
        raise UserError(
            f"the study's {field} is used when {when[0]!r} has some value,"
            " which must be a field before it:"
            f" {', '.join(before) or 'there is none'}"
        )


def _is_condition(when: Any) -> bool:
    if not isinstance(when, tuple | list) or len(when) != 2:
        return False
    return isinstance(when[1], tuple | list) and len(when[1]) > 0
