"""What a field may be set to: ranges of a search.

Each asks Optuna's trial for one value or two, and makes a field's value of
them.
"""

import abc
import dataclasses
import math
from typing import Any
from typing import TYPE_CHECKING

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
    def suggest(self, trial: "optuna.trial.BaseTrial", field: str) -> Value:
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

    def suggest(self, trial: "optuna.trial.BaseTrial", field: str) -> Value:
        return trial.suggest_float(field, self.low, self.high, log=self.log)

    @property
    def told(self) -> str:
        return _told_of_bounds(self.low, self.high, self.log)

    def ends(self) -> tuple[Value, ...]:
        return (float(self.low), float(self.high))

    def fault(self) -> str:
        if not all(isinstance(n, int | float) for n in (self.low, self.high)):
            return f"its bounds {self.low!r} and {self.high!r} must be numbers"
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

    def suggest(self, trial: "optuna.trial.BaseTrial", field: str) -> Value:
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

    def suggest(self, trial: "optuna.trial.BaseTrial", field: str) -> Value:
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

    def suggest(self, trial: "optuna.trial.BaseTrial", field: str) -> Value:
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
            if not isinstance(bounds, tuple | list) or len(bounds) != 2:
                return f"{name}={bounds!r} must be (least, greatest)"
            fault = Whole(*bounds, log=name == "width").fault()
            if fault:
                return f"{name}: {fault}"
        return ""


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
