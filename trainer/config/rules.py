"""What a field's value must be, as it stands beside the field."""

import dataclasses
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field's value must be, in code and in words.

    Attributes:
      holds: whether a value may be; it is never asked of None.
      words: what an error says of a value that may not.
      choices: all values that may be, where they can be counted.
    """

    holds: Callable[[Any], bool]
    words: str
    choices: tuple[str, ...] = ()


def ruled(default: Any, rule: Rule) -> Any:
    """Declares a field of a config that has a rule.

    The type is checked of all fields, and a None that the type allows passes
    without further question.
    """
    return dataclasses.field(default=default, metadata={"rule": rule})


def one_of(*choices: str) -> Rule:
    return Rule(
        lambda value: value in choices,
        f"is none of {', '.join(choices)}",
        choices,
    )


def at_least(least: float) -> Rule:
    return Rule(lambda value: value >= least, f"must be {least} or more")


POSITIVE = Rule(lambda value: value > 0, "must be more than 0")
UNIT_INTERVAL = Rule(
    lambda value: 0 < value < 1, "must be more than 0 and less than 1"
)
BELOW_1 = Rule(lambda value: 0 <= value < 1, "must be from 0 to below 1")
SHARE = Rule(lambda value: 0 <= value <= 1, "must be from 0 to 1")
