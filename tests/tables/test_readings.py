"""How a column is read is settled by all of its cells together."""

import datetime
import time

import numpy as np
import pytest

from trainer.tables import cells
from trainer.tables import readings
from trainer.tables.cell_text import text_of
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import Unclear
from trainer.tables.time_form import TimeForm

NUMBERS: dict[str, tuple[list[str], list[float]]] = {
    "percent": (["12.5%", "3 %"], [12.5, 3]),
    "dollars": (["$1,200.50", "-$3", "($7.5)", "$ 2"], [1200.5, -3, -7.5, 2]),
    "euros": (["1.234,50 €", "-3,00\xa0€"], [1234.5, -3]),
    "a code": (["USD 12", "USD 1,000"], [12, 1000]),
    "a decimal comma": (["1,5", "2"], [1.5, 2]),
    "a leading zero": (["0,125", "1,250"], [0.125, 1.25]),
    "points for thousands": (["1.234.567", "3"], [1234567, 3]),
    "commas for thousands": (["1,234,567", "1,234"], [1234567, 1234]),
    "commas above 999": (["950", "1,234"], [950, 1234]),
    "India's": (["12,34,567", "1,234"], [1234567, 1234]),
    "blanks": (["1 234,5", "2\u202f345\u202f678"], [1234.5, 2345678]),
    "Switzerland's": (["1'234.5", "1’000"], [1234.5, 1000]),
    "a minus of its own": (["\u22122.5", "- 3", "+4"], [-2.5, -3, 4]),
    "no-break blanks": (["\xa05\xa0", "\u20036.5\ufeff"], [5, 6.5]),
    "a unit": (["12 kg", "-3kg", "1e2 kg"], [12, -3, 100]),
    "a unit of signs": (["5 m/s^2", "6.5 m/s^2"], [5, 6.5]),
    "a code of few people": (["AED 1,200", "AED 950.5"], [1200, 950.5]),
    "rupiah": (["Rp 1.000.000", "Rp950"], [1000000, 950]),
    "wide yen": (["￥1,200", "￥ 5"], [1200, 5]),
    "digits in a unit": (["120 gCO2/kWh", "5gCO2/kWh"], [120, 5]),
    "a unit of many": (["5,4 l/100 km", "6 l/100 km"], [5.4, 6]),
    "an equivalent": (["5 tCO2e", "6 tCO2e"], [5, 6]),
    "Fortran's": (["1.3D+03", "-2.5d-01"], [1300, -0.25]),
    "degrees": (["20°C", "−3 °C"], [20, -3]),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_as_people_write_them(case):
    texts, values = NUMBERS[case]
    style = readings.settle(texts)
    assert isinstance(style, NumberStyle)
    again = NumberStyle.from_json(style.to_json())
    found = again.read([*texts, "", "n/a", "-"])
    np.testing.assert_array_equal(found, [*values, *[np.nan] * 3])
    assert style.read([style.example.strip("'\"")])[0] == 1234.5


@pytest.mark.parametrize(
    "texts",
    [
        ["3 kg", "4 lb"], ["1.2.3"], ["25-34", "35-44"], ["4+", "5"], ["a1"],
        ["5'10"], ["10.0.0.1"], ["12 3"], ["0171 12"], ["1_000"], ["٣"], ["x5"],
        ["(0,10]", "(10,20]"], ["[0,10)", "[10,20)"], ["(42"], ["5 m)"],
        ["{5}"], ["12345678901234567890"], ["red", "1"], ["1/2"], ["", "."],
        ["1,2,3"], ["1½", "2½"], ["2²"], ["5１"],
        ["9,007,199,254,740,993", "1"], ["90,07,19,92,54,74,09,93"],
        ["9 007 199 254 740 993"],
        ["ABC 123"], ["TOP 10"], ["AB 1"], ["5 l/7 km"],
    ],
)  # fmt: skip
def test_what_is_no_number_is_none(texts):
    assert not isinstance(readings.settle(texts), NumberStyle)


def test_what_may_be_thousands_or_decimals_is_settled_by_a_field():
    texts = ["1,234", "2,345"]
    found = readings.settle(texts)
    assert isinstance(found, Unclear)
    assert found.remedies == ("decimal_point", "decimal_comma")
    for wish, value in (("decimal_point", 1234), ("decimal_comma", 1.234)):
        style = readings.settle(texts, wish)
        assert isinstance(style, NumberStyle)
        assert style.read(texts)[0] == value
    assert readings.settle(texts, "text") is None
    assert isinstance(readings.settle(texts, "day_first"), Unclear)


def test_day_and_month_are_settled_by_one_cell_that_tells():
    found = readings.settle(["01/02/2024", "03/04/2024"])
    assert isinstance(found, Unclear)
    assert found.remedies == ("day_first", "month_first")
    for more, form in (("13/01/2024", "day_first"), ("1/13/24", "month_first")):
        assert readings.settle(["01/02/2024", more]) == TimeForm(form)
    assert readings.settle(["01/02/2024"], "day_first") == TimeForm("day_first")
    assert isinstance(readings.settle(["2024-01-31", "1/2/2024"]), type(None))


@pytest.mark.parametrize(
    "texts",
    [
        ["01/01/2024 05:00", "01/01/2024 06:00"],
        ["01/01/2024", "02/02/2024"],
        ["01/01/2023", "02/02/2024"],
        [text_of(datetime.date(2024, 1, 2)), "1/1/2024"],
    ],
)
def test_days_that_are_their_months_numbers_tell_nothing(texts):
    found = readings.settle(texts)
    assert isinstance(found, Unclear)
    assert found.remedies == ("day_first", "month_first")


@pytest.mark.parametrize(
    "texts", [["02/02/2024"], ["01/01/2022", "01/01/2023", "1/1/24"]]
)
def test_one_day_a_year_is_the_same_day_either_way(texts):
    assert isinstance(readings.settle(texts), TimeForm)


@pytest.mark.parametrize(
    ("texts", "words", "remedies"),
    [
        (["22-01-01", "23-02-28"], "the day or the year",
         ("day_first", "year_first")),
        (["31/01/24 10:00"], "the day or the year",
         ("day_first", "year_first")),
        (["01/02/03"], "the day, the month or the year",
         ("day_first", "month_first", "year_first")),
    ],
)  # fmt: skip
def test_a_year_of_two_digits_may_be_a_day(texts, words, remedies):
    found = readings.settle(texts)
    assert isinstance(found, Unclear)
    assert f"begin with {words}, and no cell" in found.problem
    assert found.remedies == remedies
    for wish in remedies:
        assert isinstance(readings.settle(texts, wish), TimeForm)


@pytest.mark.parametrize(
    "texts",
    [
        [f"{visit}-{month:02}" for visit in (1001, 1600) for month in (1, 2)],
        ["4821-123", "2024-031"],
        ["2001/02", "2002/03", "2010/11"],
        ["1999-2000", "2000-01"],
        ["9999-01 10:00"],
        ["1/2024", "1/5000"],
    ],
)
def test_codes_and_seasons_are_no_times(texts):
    assert readings.settle(texts) is None


@pytest.mark.parametrize(
    "texts",
    [
        ["09:00-10:00", "10:00-11:00", "11:00-12:00"],
        ["22:00-06:00", "08:00-10:30", "09:00-11:00"],
        ["09:00-10:00", "08:30\u201310:00"],
        ["13:00-17:30"],
        ["2024-01-05 09:00-10:00", "2024-01-06 9:30-11:00",
         "2024-01-07 8:00-9:00"],
        ["2024-01-05 09:00-13:00"],
    ],
)  # fmt: skip
def test_ranges_of_hours_are_no_times(texts):
    assert readings.settle(texts) is None
    assert not all(map(readings.looks_like_time, texts))


@pytest.mark.parametrize(
    "texts",
    [
        ["10:15-05:00", "09:00-05:00", "12:15-04:00"],
        ["2024-01-05 00:00-05:00", "2024-07-05 00:00-04:00"],
        ["2024-01-05 09:00-05:00", "2024-01-05 07:00-08:00",
         "2024-01-05 17:00-03:00"],
        ["2024-01-05T09:00:00-10:00", "2024-01-05T09:00:00-11:00",
         "2024-01-05T09:00:00-12:00"],
    ],
)  # fmt: skip
def test_offsets_are_no_ranges(texts):
    assert isinstance(readings.settle(texts), TimeForm)


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["1500-01", "2200-12"], "year_month"),
        (["2001/02", "2002/04"], "year_month"),
        (["2000-001", "2001-002"], "ordinal"),
        (["01/2024", "12/2023"], "month_year"),
    ],
)
def test_months_and_days_of_likely_years_are_times(texts, form):
    assert readings.settle(texts) == TimeForm(form)


@pytest.mark.parametrize(
    "text", ["1001-01", "2001/02", "1001-123", "20240131101500", "202401311015"]
)
def test_a_field_makes_times_of_what_is_else_none(text):
    assert not isinstance(readings.settle([text]), TimeForm)
    found = readings.settle([text], "year_first")
    assert isinstance(found, TimeForm)
    assert found.matches(text)


def test_a_year_of_two_digits_is_told_by_a_cell_or_by_points():
    year_first = TimeForm("short_year_first")
    assert readings.settle(["22-01-01", "99-12-31"]) == year_first
    assert readings.settle(["24.01.31"], "year_first") == year_first
    assert readings.settle(["22-01-01", "31-01-69"]) == TimeForm("day_first")
    assert readings.settle(["31.01.24", "2.2.22"]) == TimeForm("day_first")


@pytest.mark.parametrize("mark", "-/")
def test_what_differs_more_than_what_comes_last_is_the_day(mark):
    def settled(*texts):
        return readings.settle([text.replace("/", mark) for text in texts])

    days = "31/01/24", "13/05/24", "02/02/23 10:00"
    assert settled(*days) == TimeForm("day_first")
    assert isinstance(settled("24/01/31", "24/05/13"), Unclear)
    # The first day of a month, or the last one.
    for day in ("01", "28"):
        years = [f"{year:02}/02/{day}" for year in range(1, 25)]
        assert isinstance(settled(*years), Unclear)


def test_a_cell_is_shown_that_is_not_clear():
    found = readings.settle([text_of(datetime.date(2024, 1, 1)), "01/02/24"])
    assert isinstance(found, Unclear)
    assert found.problem.startswith("has '01/02/24', which may begin")


@pytest.mark.parametrize("texts", [["9 AM", "12 AM"], ["3 p.m.", "12p.m."]])
def test_an_hour_before_noon_is_a_time(texts):
    found = readings.settle(texts)
    assert found == TimeForm("time")
    hours = found.read(texts) // 3_600_000_000
    assert hours.tolist() == ([9, 0] if texts[0] == "9 AM" else [15, 12])


def test_what_may_be_an_hour_or_a_number_in_picometres_is_settled_by_a_field():
    texts = ["9 pm", "154 pm"]
    found = readings.settle(texts)
    assert isinstance(found, Unclear)
    assert "'9 pm', an hour of the day, and '154 pm'" in found.problem
    for wish in found.remedies:
        assert not isinstance(readings.settle(texts, wish), Unclear)
    assert isinstance(readings.settle(["77 pm", "154 pm"]), NumberStyle)


@pytest.mark.parametrize(
    "text",
    [
        "1" + "/" * 9999 + "5",
        "1" + " a" * 5000 + "5",
        "1 " * 9999,
        " " * 9999 + "a1",
        "1a" + "\u3000" * 2**16 + "5",
    ],
)
def test_a_hostile_cell_takes_no_time(text):
    began = time.process_time()
    assert not isinstance(readings.settle([text]), NumberStyle)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", [" " * 150 + "x", "1" + " " * 2000 + "x"])
@pytest.mark.parametrize("style", [NumberStyle(), NumberStyle(",", ".", "€")])
def test_a_hostile_cell_of_a_settled_column_takes_no_time(text, style):
    began = time.process_time()
    with pytest.raises(cells.BadCellError):
        style.read([text])
    assert time.process_time() - began < 5
