"""The calendar is Python's own, whatever the day."""

import datetime

import numpy as np

from trainer.tables import calendar_arithmetic as calendar

FIRST, LAST = datetime.date.min.toordinal(), datetime.date.max.toordinal()
EPOCH = datetime.date(1970, 1, 1).toordinal()


def test_days_become_dates_and_days_again():
    days = np.arange(FIRST - EPOCH, LAST + 1 - EPOCH, 13, dtype=np.int64)
    year, month, day = calendar.date_of(days)
    np.testing.assert_array_equal(calendar.days_of(year, month, day), days)
    for index in range(0, len(days), 997):
        date = datetime.date.fromordinal(int(days[index]) + EPOCH)
        found = (year[index], month[index], day[index])
        assert found == (date.year, date.month, date.day)
        assert calendar.weekday_of(days[index]) == date.weekday()


def test_where_an_instant_stands_in_each_cycle():
    moment = datetime.datetime(2024, 12, 31, 23, 59, 59)
    seconds = (moment - datetime.datetime(1970, 1, 1)).total_seconds()
    instant = np.array([int(seconds) * calendar.SECOND_US])
    found = {k: int(v[0]) for k, v in calendar.cycles_of(instant).items()}
    assert found == {
        "year": 2024,
        "month": 11,
        "day of year": 365,
        "day of week": 1,
        "hour": 1439,
    }
    for name, steps in calendar.CYCLES.items():
        assert found[name] < steps
