"""Each form of dates and times, as people and programs write them."""

import datetime

import numpy as np
import pytest

from trainer.tables import cells
from trainer.tables import readings
from trainer.tables.time_form import FORMS
from trainer.tables.time_form import NO_TIME
from trainer.tables.time_form import TimeForm

NOON = "2024-01-31T12:00:00"
WRITTEN = [
    ("year_first", "2024-01-31T12:00:00Z", NOON),
    ("year_first", "2024/1/31 12:00", NOON),
    ("year_first", "2024-01-31 14:00:00+02:00", NOON),
    ("year_first", "2024-01-31t07-0500", NOON),
    ("year_first", "2024-01-31T12:53:28.5+00:53:28", NOON + ".500000"),
    ("year_first", "2024-01-31T11:15:30-00:44:30", NOON),
    ("year_first", "2024-01-31 12:00:00 UTC", NOON),
    ("year_first", "2024-01-31T13:00:00+01:00[Europe/Berlin]", NOON),
    ("year_first", "2024-01-31T12:00:00.5", NOON + ".500000"),
    ("year_first", "2024-01-31T12:00:00,123456789", NOON + ".123456"),
    ("year_first", "2024-01-30T24:00", "2024-01-31T00:00:00"),
    ("year_first", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
    ("basic", "20240131T120000Z", NOON),
    ("week", "2024-W05-3", "2024-01-31T00:00:00"),
    ("week", "2020W537T12", "2021-01-03T12:00:00"),
    ("week", "2024-W05", "2024-01-29T00:00:00"),
    ("ordinal", "2024-366", "2024-12-31T00:00:00"),
    ("year_month", "2024-05", "2024-05-01T00:00:00"),
    ("month_year", "5/2024", "2024-05-01T00:00:00"),
    ("month_first", "01/31/2024 12:00 PM", NOON),
    ("day_first", "31.1.24, 12:00", NOON),
    ("day_first", "31-12-68", "2068-12-31T00:00:00"),
    ("day_first", "31-12-69", "1969-12-31T00:00:00"),
    ("short_year_first", "99/1/31 12:00", "1999-01-31T12:00:00"),
    ("day_name_year", "31 Jan 2024", "2024-01-31T00:00:00"),
    ("day_name_year", "31-JAN-24", "2024-01-31T00:00:00"),
    ("day_name_year", "Wed, 31 Jan 2024 12:00:00 GMT", NOON),
    ("day_name_year", "31/Jan/2024:13:00:00 +0100", NOON),
    ("name_day_year", "Wednesday, January 31st, 2024 12:00 p.m.", NOON),
    ("name_day_year", "Sept. 3 2024", "2024-09-03T00:00:00"),
    ("name_year", "Jan 2024", "2024-01-01T00:00:00"),
    ("year_name_day", "2024 Jan 31", "2024-01-31T00:00:00"),
    ("name_day_time_year", "Wed Jan 31 12:00:00 2024", NOON),
    ("name_day_time_year", "Wed Jan 31 12:00:00 +0000 2024", NOON),
    ("stamp", "20240131120000", NOON),
    ("stamp", "20240131120000.5", NOON + ".500000"),
    ("stamp", "202401311200Z", NOON),
    ("time", "12:00", "1970-01-01T12:00:00"),
    ("time", "12 a.m.", "1970-01-01T00:00:00"),
    ("time", "1:02:03.5pm", "1970-01-01T13:02:03.500000"),
]


def moment(instant):
    start = datetime.datetime(1970, 1, 1)
    return (start + datetime.timedelta(microseconds=int(instant))).isoformat()


@pytest.mark.parametrize(("form", "text", "expected"), WRITTEN)
def test_a_time_is_read(form, text, expected):
    found = TimeForm(form).read([f"\xa0{text} ", "NA"])
    assert found.dtype == np.int64
    assert found[1] == NO_TIME
    assert moment(found[0]) == expected


def test_every_form_is_tried():
    assert {form for form, _, _ in WRITTEN} == set(FORMS)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("year_first", "2024-02-30"), ("year_first", "2023-02-29"),
        ("year_first", "0000-01-01"), ("year_first", "2024-13-01"),
        ("year_first", "2024-01-31T24:01"), ("year_first", "2024-01-31T25"),
        ("year_first", "2024-01-31T10:60"), ("year_first", "24-01-31"),
        ("ordinal", "2023-366"), ("week", "2024-W54"), ("time", "10"),
        ("week", "2023-W53-1"), ("week", "2021W53"), ("week", "9999-W52-6"),
        ("month_first", "13/01/2024"), ("time", "13:00 pm"), ("time", "25:10"),
        ("year_first", "2024-01-31 and more"), ("day_name_year", "31 Jam 2024"),
        ("year_first", "2024-01-3١"),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(form, text):
    with pytest.raises(cells.BadCellError, match="must be a time such as"):
        TimeForm(form).read(["NA", text])
    assert not TimeForm(form).matches(text)


@pytest.mark.parametrize(
    "text", [text for form, text, _ in WRITTEN if form not in ("time", "stamp")]
)
def test_a_form_is_settled_by_its_cells(text):
    found = readings.settle([text])
    assert isinstance(found, TimeForm)
