"""From a calendar's numbers to instants and back, by operators alone.

The functions take int64 NumPy arrays and TensorFlow tensors alike, so that a
run and its export say the same to the bit. Microseconds count from 1970, UTC.
Days are those of the Gregorian calendar (H. Hinnant, "chrono-compatible
low-level date algorithms").
"""

from collections.abc import Mapping
from typing import Any

SECOND_US = 10**6
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
DAYS_TO_1970 = 719468  # from March 1 of year 0


def days_of(year: Any, month: Any, day: Any) -> Any:
    """Returns days since 1970 of a date; months count from 1."""
    year = year - (14 - month) // 12  # years begin in March
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = of_era * 365 + of_era // 4 - of_era // 100 + of_year
    return era * 146097 + days - DAYS_TO_1970


def date_of(days: Any) -> tuple[Any, Any, Any]:
    """Returns (year, month, day) of days since 1970."""
    days = days + DAYS_TO_1970
    era = days // 146097
    day = days - era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day = day - (365 * year + year // 4 - year // 100)
    place = (5 * day + 2) // 153  # of the month, from March
    month = (place + 2) % 12 + 1
    day = day - (153 * place + 2) // 5 + 1
    return year + era * 400 + (14 - month) // 12, month, day


def weekday_of(days: Any) -> Any:
    """Returns the day of the week, Monday 0, of days since 1970."""
    return (days + 3) % 7


def zone_seconds(part: Mapping[str, Any]) -> Any:
    """Returns the seconds of "zone_hour", "zone_minute" and "zone_second"."""
    minutes = 60 * part["zone_hour"] + part["zone_minute"]
    return 60 * minutes + part["zone_second"]


def instant_of(part: Mapping[str, Any]) -> Any:
    """Returns microseconds of the numbers that a time is written in.

    Args:
      part: "year", "month", "day", "week", "weekday", "ordinal", "hour",
        "minute", "second", "micro", "zone_seconds"; and 0 or 1: "is_short" of
        a year of two digits, which are 1969 to 2068 as in POSIX, "is_week" and
        "is_ordinal" of such dates, "is_half" where hours run to 12, "is_pm".
    """
    year = part["year"]
    year = year + part["is_short"] * (1900 + 100 * ((168 - year) // 100))
    plain = days_of(year, part["month"], part["day"])
    first = days_of(year, part["month"] * 0 + 1, part["day"] * 0 + 1)
    fourth = first + 3  # is in week 1
    week = fourth - weekday_of(fourth) + 7 * (part["week"] - 1)
    days = (
        part["is_week"] * (week + part["weekday"] - 1)
        + part["is_ordinal"] * (first + part["ordinal"] - 1)
        + (1 - part["is_week"]) * (1 - part["is_ordinal"]) * plain
    )
    hour, is_half = part["hour"], part["is_half"]
    hour = (1 - is_half) * hour + is_half * (hour % 12 + 12 * part["is_pm"])
    return (
        days * DAY_US
        + hour * HOUR_US
        + part["minute"] * MINUTE_US
        + (part["second"] - part["zone_seconds"]) * SECOND_US
        + part["micro"]
    )


def cycles_of(instant: Any) -> dict[str, Any]:
    """Returns where an instant stands in the year, month, week and day.

    Returns:
      "year"; and counted from 0 "month", "day of year", "day of week" and
      "hour", which is told in minutes of the day.
    """
    days = instant // DAY_US
    year, month, day = date_of(days)
    return {
        "year": year,
        "month": month - 1,
        "day of year": days - days_of(year, month * 0 + 1, day * 0 + 1),
        "day of week": weekday_of(days),
        "hour": (instant - days * DAY_US) // MINUTE_US,
    }


# How many steps each cycle has.
CYCLES = {"month": 12, "day of year": 366, "day of week": 7, "hour": 1440}
