"""What a search may set: ranges of a config's fields, and the default ones.

Each range asks Optuna's trial for one value or two, and makes a field's value
of them.
"""

import abc
import dataclasses
import math
from collections.abc import Mapping
from typing import Any
from typing import TYPE_CHECKING

from trainer.process.exits import UserError

if TYPE_CHECKING:
    import optuna

Value = bool | int | float | str | None | tuple
# The field of another range, and the values of it for which a range is used.
Condition = tuple[str, tuple[Value, ...]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Range(abc.ABC):
    """Values of a field.

    Attributes:
      when: (field, values): it is set only where that field, of another range,
        has one of these values.
    """

    when: Condition | None = None

    @abc.abstractmethod
    def suggest(self, trial: "optuna.trial.Trial", field: str) -> Value:
        """Returns a value for a trial."""

    @property
    @abc.abstractmethod
    def told(self) -> str:
        """Says what it is, in short."""

    @abc.abstractmethod
    def ends(self) -> tuple[Value, ...]:
        """Returns its extreme values, or all of them."""

    @abc.abstractmethod
    def fault(self) -> str:
        """Says what is wrong with it; "" where nothing is."""

    def of(self, params: Mapping[str, Any], field: str) -> Value:
        """Returns the value that a trial's parameters give the field."""
        return params[field]


@dataclasses.dataclass(frozen=True)
class Number(Range):
    """Numbers from `low` to `high`, both included.

    Attributes:
      low: the least.
      high: the greatest.
      log: whether each factor of 10 is as likely as another.
    """

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: "optuna.trial.Trial", field: str) -> Value:
        return trial.suggest_float(field, self.low, self.high, log=self.log)

    @property
    def told(self) -> str:
        return _told_of_bounds(self.low, self.high, self.log)

    def ends(self) -> tuple[Value, ...]:
        return (float(self.low), float(self.high))

    def fault(self) -> str:
        return _fault_of_bounds(self.low, self.high, self.log)


@dataclasses.dataclass(frozen=True)
class Whole(Range):
    """Whole numbers from `low` to `high`, both included.

    Attributes:
      low: the least.
      high: the greatest.
      log: whether each factor of 10 is as likely as another.
    """

    low: int
    high: int
    log: bool = False

    def suggest(self, trial: "optuna.trial.Trial", field: str) -> Value:
        return trial.suggest_int(field, self.low, self.high, log=self.log)

    @property
    def told(self) -> str:
        return _told_of_bounds(self.low, self.high, self.log)

    def ends(self) -> tuple[Value, ...]:
        return (self.low, self.high)

    def fault(self) -> str:
        if type(self.low) is not int or type(self.high) is not int:
            return "its bounds must be whole numbers"
        return _fault_of_bounds(self.low, self.high, self.log)


@dataclasses.dataclass(frozen=True)
class Choice(Range):
    """One of some values.

    Attributes:
      values: bool, int, float, str or None.
    """

    values: tuple[Value, ...]

    def suggest(self, trial: "optuna.trial.Trial", field: str) -> Value:
        found: Any = trial.suggest_categorical(field, self.values)  # type: ignore[arg-type]
        return found

    @property
    def told(self) -> str:
        return f"one of {', '.join(map(str, self.values))}"

    def ends(self) -> tuple[Value, ...]:
        return self.values

    def fault(self) -> str:
        if not isinstance(self.values, tuple | list) or not self.values:
            return "it has no value; name one or more"
        plain = (bool, int, float, str, type(None))
        odd = [v for v in self.values if not isinstance(v, plain)]
        if odd:
            return f"{odd[0]!r} is no bool, int, float, str or None"
        return ""


@dataclasses.dataclass(frozen=True)
class Layers(Range):
    """Hidden layers of one width: for `model.hidden_units`.

    Attributes:
      depth: (least, greatest) number of layers.
      width: (least, greatest) units of each, each factor of 10 as likely as
        another.
    """

    depth: tuple[int, int]
    width: tuple[int, int]

    def suggest(self, trial: "optuna.trial.Trial", field: str) -> Value:
        depth = trial.suggest_int(f"{field}.depth", *self.depth)
        width = trial.suggest_int(f"{field}.width", *self.width, log=True)
        return (width,) * depth

    @property
    def told(self) -> str:
        depth, width = self.depth, self.width
        return (
            f"{depth[0]} to {depth[1]} layers of {width[0]} to {width[1]} units"
        )

    def ends(self) -> tuple[Value, ...]:
        return tuple((w,) * d for d in self.depth for w in self.width)

    def fault(self) -> str:
        for name, bounds in (("depth", self.depth), ("width", self.width)):
            low, high = bounds
            fault = Whole(low, high, log=name == "width").fault()
            if fault:
                return f"{name}: {fault}"
        return ""

    def of(self, params: Mapping[str, Any], field: str) -> Value:
        return (params[f"{field}.width"],) * params[f"{field}.depth"]


def _told_of_bounds(low: float, high: float, log: bool) -> str:
    return f"{low:g} to {high:g}{', by factors' if log else ''}"


def _fault_of_bounds(low: float, high: float, log: bool) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{low!r} to {high!r} must be finite"
    if low > high:
        return f"{low!r} to {high!r} is empty; the lower bound comes first"
    if log and low <= 0:
        return f"{low!r} must be more than 0 where log is set"
    return ""


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


def suggest(trial: "optuna.trial.Trial", space: Space) -> dict[str, Value]:
    """Returns a trial's value of each field that it has one of."""
    values: dict[str, Value] = {}
    for field, each in space.items():
        if is_used(each, values):
            values[field] = each.suggest(trial, field)
    return values


def values_of(params: Mapping[str, Any], space: Space) -> dict[str, Value]:
    """Returns the same values, of a trial that is in the storage."""
    values: dict[str, Value] = {}
    for field, each in space.items():
        if is_used(each, values):
            values[field] = each.of(params, field)
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
    for field, each in space.items():
        if not isinstance(each, Range):
            raise UserError(
                f"the study's {field}={each!r} is no range; take Number, Whole,"
                " Choice or Layers of trainer.launch.sweep.study"
            )
        if fault := each.fault():
            raise UserError(f"the study's {field}: {fault}")
        if each.when is not None and each.when[0] not in before:
            raise UserError(
                f"the study's {field} is used when {each.when[0]!r} has some"
                f" value, which must be a field before it:"
                f" {', '.join(before) or 'there is none'}"
            )
        before.append(field)
