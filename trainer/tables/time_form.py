"""How people write dates and times: one form a column, settled by its cells."""

import calendar
import dataclasses
import datetime
import functools
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.tables import calendar_arithmetic
from trainer.tables import cells
from trainer.tables.cell_patterns import BLANK
from trainer.tables.cell_patterns import MINUS
from trainer.tables.cell_patterns import parts
from trainer.tables.cell_text import TypedDate

# Stands for no time; the least int64, as NumPy's NaT.
NO_TIME = np.iinfo(np.int64).min
MONTHS = tuple(
    [
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ]
)
_MONTH = (
    "(?P<name>(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may"
    "|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?"
    "|dec(?:ember)?))"
)
_WEEKDAY = (
    "(?:(?i:mon|tue|wed|thu|fri|sat|sun)(?i:s|nes|rs|ur)?(?i:day)?"
    f"[.,]?{BLANK}+)?"
)
_YEAR = "(?P<year>[0-9]{4})"
_SHORT_YEAR = "(?P<year>[0-9]{2})"
_ANY_YEAR = "(?P<year>[0-9]{4}|[0-9]{2})"
_DAY = "(?P<day>[0-9]{1,2})"
_NTH = "(?i:st|nd|rd|th)?"
_GAP = f"(?:[-/.,]|{BLANK})*"
_SECONDS = "(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
_HALF = f"(?:{BLANK}*(?P<half>(?i:[ap])\\.?(?i:m)\\.?))?"
_ZONE = (
    f"(?:{BLANK}*(?:[zZ]|UTC|GMT))?(?:{BLANK}*(?P<zone_sign>[+{MINUS}])"
    "(?P<zone_hour>[0-9]{1,2})(?::?(?P<zone_minute>[0-9]{2})"
    "(?::(?P<zone_second>[0-9]{2}))?)?)?"
    "(?:\\[[A-Za-z_/]+\\])?"
)
_CLOCK = (
    f"(?P<hour>[0-9]{{1,2}})(?::?(?P<minute>[0-9]{{2}}){_SECONDS})?"
    f"{_HALF}{_ZONE}"
)
_TAIL = f"(?:(?:[tT]|,?{BLANK}+|:){_CLOCK})?"
# What remains where only a clock is written; a lone hour is a number.
_TIME = (
    f"[tT]?(?P<hour>[0-9]{{1,2}})(?::(?P<minute>[0-9]{{2}})"
    f"(?::(?P<second>[0-9]{{2}})(?:[.,](?P<fraction>[0-9]+))?)?{_HALF}{_ZONE}"
    f"|{BLANK}*(?P<lone_half>(?i:[ap])\\.?(?i:m)\\.?))"
)
_MONTH_NUMBER = "(?P<month>[0-9]{1,2})"
_DATES = {
    "year_first": f"{_YEAR}[-/.]{_MONTH_NUMBER}[-/.]{_DAY}",
    "basic": f"{_YEAR}(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})",
    "week": f"{_YEAR}-?W(?P<week>[0-9]{{2}})(?:-?(?P<weekday>[1-7]))?",
    "ordinal": f"{_YEAR}-(?P<ordinal>[0-9]{{3}})",
    "year_month": f"{_YEAR}[-/](?P<month>[0-9]{{2}})",
    "month_year": f"{_MONTH_NUMBER}[-/]{_YEAR}",
    "month_first": f"{_MONTH_NUMBER}[-/.]{_DAY}[-/.]{_ANY_YEAR}",
    "day_first": f"{_DAY}[-/.]{_MONTH_NUMBER}[-/.]{_ANY_YEAR}",
    "short_year_first": f"{_SHORT_YEAR}[-/.]{_MONTH_NUMBER}[-/.]{_DAY}",
    "day_name_year": f"{_DAY}{_NTH}{_GAP}{_MONTH}{_GAP}{_ANY_YEAR}",
    "name_day_year": f"{_MONTH}\\.?{BLANK}*{_DAY}{_NTH},?{BLANK}*{_YEAR}",
    "name_year": f"{_MONTH}{_GAP}{_YEAR}",
    "year_name_day": f"{_YEAR}{_GAP}{_MONTH}{_GAP}{_DAY}",
}
# Digits alone, which are a number where nobody says that they are a time.
STAMP = "stamp"
FORMS = {
    **{
        name: f"{BLANK}*{_WEEKDAY}{date}{_TAIL}{BLANK}*"
        for name, date in _DATES.items()
    },
    "name_day_time_year": (
        f"{BLANK}*{_WEEKDAY}{_MONTH}{BLANK}+{_DAY}{BLANK}+{_CLOCK}{BLANK}+"
        f"{_YEAR}{BLANK}*"
    ),
    "time": f"{BLANK}*{_TIME}{BLANK}*",
    STAMP: (
        f"{BLANK}*{_YEAR}(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})"
        f"(?P<hour>[0-9]{{2}})(?P<minute>[0-9]{{2}})(?:(?P<second>[0-9]{{2}})"
        f"(?:[.,](?P<fraction>[0-9]+))?)?{_ZONE}{BLANK}*"
    ),
}
_SHOWN = {
    "year_first": "2024-01-31",
    "basic": "20240131",
    "week": "2024-W05-3",
    "ordinal": "2024-031",
    "year_month": "2024-01",
    "month_year": "01/2024",
    "month_first": "01/31/2024",
    "day_first": "31/01/2024",
    "short_year_first": "24-01-31",
    "day_name_year": "31 Jan 2024",
    "name_day_year": "Jan 31, 2024",
    "name_year": "Jan 2024",
    "year_name_day": "2024 Jan 31",
    "name_day_time_year": "Jan 31 10:00:00 2024",
    "time": "10:00:00",
    STAMP: "20240131100000",
}
# Where nothing is written.
DEFAULTS = {"year": 1970, "month": 1, "day": 1, "week": 1, "weekday": 1}
NUMBERS = (
    *("year", "month", "day", "week", "weekday", "ordinal", "hour", "minute"),
    *("second", "zone_hour", "zone_minute", "zone_second"),
)
MICRO_DIGITS = 6


@dataclasses.dataclass(frozen=True)
class TimeForm:
    """A form of dates and times, one of FORMS; a time of day may follow."""

    name: str

    @property
    def pattern(self) -> str:
        """Pattern of a cell, with the parts that the form has."""
        return FORMS[self.name]

    @functools.cached_property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that are written."""
        return parts(self.pattern)

    @functools.cached_property
    def _compiled(self) -> re.Pattern:
        return re.compile(self.pattern)

    @property
    def told(self) -> str:
        """Says in words how the column is read."""
        return f"times, written as {_SHOWN[self.name]}"

    @property
    def example(self) -> str:
        """A time that is written so."""
        return repr(_SHOWN[self.name])

    def matches(self, text: str) -> bool:
        """Tells whether a text is a time of this form."""
        try:
            self._numbers(text)
        except ValueError:
            return False
        return True

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Returns cells' instants, int64 [rows], NO_TIME where missing.

        Raises:
          BadCellError: a cell is written otherwise, or is no day of the year.
        """
        there, rows = [], []
        for index, text in enumerate(texts):
            if cells.is_missing_number(text):
                continue
            try:
                rows.append(self._numbers(text))
            except ValueError:
                raise cells.BadCellError(
                    index, f"must be a time such as {self.example}"
                ) from None
            there.append(index)
        values = np.full(len(texts), NO_TIME, np.int64)
        if rows:
            columns = {
                name: np.array([row[name] for row in rows], np.int64)
                for name in rows[0]
            }
            values[there] = calendar_arithmetic.instant_of(columns)
        return values

    def _numbers(self, text: str) -> dict[str, int]:
        """Returns what `calendar_arithmetic.instant_of` takes of a cell.

        Raises:
          ValueError: it is no time of this form.
        """
        # Clock times alone have no place for a date.
        is_typed = isinstance(text, TypedDate) and "year" in self.parts
        form = _TYPED if is_typed else self
        match = form._compiled.fullmatch(text)
        if match is None:
            raise ValueError(text)
        found = match.groupdict()
        part = {
            name: int(found.get(name) or DEFAULTS.get(name, 0))
            for name in NUMBERS
        }
        if found.get("name"):
            part["month"] = 1 + MONTHS.index(found["name"][:3].lower())
        half = found.get("half") or found.get("lone_half") or ""
        part["is_half"] = int(bool(half))
        part["is_pm"] = int(half[:1] in ("p", "P"))
        part["is_short"] = int(len(found.get("year") or "") == 2)
        part["is_week"] = int("week" in found)
        part["is_ordinal"] = int("ordinal" in found)
        digits = (found.get("fraction") or "")[:MICRO_DIGITS]
        part["micro"] = int(digits.ljust(MICRO_DIGITS, "0"))
        zone = calendar_arithmetic.zone_seconds(part)
        ahead = (found.get("zone_sign") or "+") == "+"
        part["zone_seconds"] = zone if ahead else -zone
        _check(part)
        return part


# The form of typed dates.
_TYPED = TimeForm("year_first")


def bounds(part: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Returns (least, most) of a time's parts, which may be tensors."""
    return {
        "month": (1, 12),
        "day": (1, 31),
        "week": (1, 53),
        "weekday": (1, 7),
        "ordinal": (part["is_ordinal"], 366),
        "hour": (part["is_half"], 24 - 12 * part["is_half"]),
        "minute": (0, 59),
        "second": (0, 60),
        "zone_seconds": (-24 * 3600, 24 * 3600),
        "year": (1 - part["is_short"], 9999),
    }


def full_year(part: Mapping[str, Any]) -> Any:
    """Returns a time's year; one of two digits leaps as in both centuries."""
    return part["year"] + 2000 * part["is_short"]


def _check(part: Mapping[str, int]) -> None:
    """Raises ValueError for what is no time, such as February 30."""
    for name, (least, most) in bounds(part).items():
        if not least <= part[name] <= most:
            raise ValueError(name)
    if part["hour"] == 24 and part["minute"] + part["second"]:
        raise ValueError("hour")
    year = full_year(part)
    if part["is_ordinal"] and part["ordinal"] > 365 + calendar.isleap(year):
        raise ValueError("ordinal")
    datetime.date(year, part["month"], part["day"])
    if part["is_week"]:
        datetime.date.fromisocalendar(year, part["week"], part["weekday"])
