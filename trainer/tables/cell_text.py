"""A value of a typed column as the text that a CSV file would hold.

How people wrote the numbers, dates or truths of another file says nothing of a
value that comes typed: its text says that it is one, by its class.
"""

import datetime
import decimal
from collections.abc import Iterable
from typing import Any

import numpy as np

_NUMBERS = (int, float, np.integer, np.floating)


class TypedNumber(str):
    """A number's text, as Python writes it."""

    __slots__ = ()


class TypedDuration(TypedNumber):
    """The text of a duration's seconds."""

    __slots__ = ()


class TypedDate(str):
    """A date's text, or that of a date and time, as ISO 8601 has it."""

    __slots__ = ()


class TypedBool(str):
    """A truth's text, as Python writes it."""

    __slots__ = ()


def text_of(value: Any) -> str:
    """Returns a value's text, "" of one that is missing.

    Raises:
      TypeError: it is several values, or what they are of.
      UnicodeDecodeError: it is bytes that are no UTF-8.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, np.bool_)):
        return TypedBool(value)
    if isinstance(value, _NUMBERS):
        return TypedNumber(value)
    # pandas' NA compares with nothing, not even itself.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, decimal.Decimal):
        return TypedNumber(f"{value:f}")
    if isinstance(value, datetime.date):  # a datetime is one
        return TypedDate(value.isoformat())
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return TypedDuration(value.total_seconds())
    if isinstance(value, bytes):
        return value.decode()
    # Of NumPy's own, whose times may be finer than Python's.
    if hasattr(value, "__array__") and not isinstance(value, np.generic):
        array = np.asarray(value)
        if not array.ndim:
            return text_of(array.item())
    if isinstance(value, Iterable):
        raise TypeError(type(value).__name__)
    return str(value)
