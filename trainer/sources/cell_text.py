"""A value of a typed column as the text that a CSV file would hold."""

import datetime
import decimal
from typing import Any


def text_of(value: Any) -> str:
    """Returns a value's text, "" of one that is missing."""
    # pandas' NA compares with nothing, not even itself.
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return repr(value.total_seconds())
    if isinstance(value, decimal.Decimal):
        return f"{value:f}"
    return str(value)
