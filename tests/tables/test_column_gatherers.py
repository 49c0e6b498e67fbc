"""What a column's texts are: categories, slips among numbers, or ids."""

import datetime

import pytest

from trainer.tables import column_gatherers
from trainer.tables.column_gatherers import Cells
from trainer.tables.table_file import Places

MONTHS = [str(1 + row % 12) for row in range(200)]


def gathered(texts, *, is_target=False, turned="", wish=None):
    column = Cells(is_target, turned, wish)
    column.add(texts, Places(range(2, 2 + len(texts))))
    return column.finish()


@pytest.mark.parametrize("is_target", [False, True])
@pytest.mark.parametrize("slip", ["k.A.", "<1", "month", "10%", "12 kg"])
def test_a_slip_among_few_numbers_is_refused(slip, is_target):
    turned = f"{slip!r} in line 202"
    for texts in (MONTHS, [f"{text}.5" for text in MONTHS]):
        texts = [*texts, slip]
        found = gathered(texts, is_target=is_target, turned=turned)
        assert found.problem == f"has numbers, and {turned}"
        assert found.remedies == ("text",)
        kept = gathered(texts, is_target=is_target, wish="text")
        assert slip in kept.categories and not kept.problem


@pytest.mark.parametrize(
    "others", [["13+"], ["> 12"], ["13 or more"], ["unknown"] * 2]
)
def test_a_code_among_few_numbers_is_a_category(others):
    found = gathered([*MONTHS, *others], turned="x")
    assert found.problem is None
    assert others[0] in found.categories


def test_a_slip_of_a_unit_is_refused():
    texts = [f"{text} kg" for text in MONTHS] + ["3 lb"]
    assert gathered(texts).problem == "has numbers, and '3 lb'"


@pytest.mark.parametrize("days", [8, 80])
@pytest.mark.parametrize("slip", ["n/a?", "k.A.", "2024-02-30"])
def test_a_slip_among_times_is_refused(days, slip):
    start = datetime.date(2024, 1, 1)
    texts = [str(start + datetime.timedelta(n % days)) for n in range(160)]
    found = gathered([*texts, slip])
    assert slip in found.problem and found.problem.startswith("has times")
    assert found.remedies == ("text",) and not found.left_out
    assert gathered([*texts, "0000-00-00"]).missing.sum() == 1


def test_a_slip_among_hours_is_refused():
    texts = [f"{hour} {half}" for hour in range(1, 13) for half in ("AM", "PM")]
    assert gathered([*texts, *texts, "13 PM"]).problem == (
        "has times, and '13 PM'"
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2024-01-{} 10:15 CET", "CET"),
        ("{}.01.2024 10:15 Uhr", "Uhr"),
        ("10:{} EST", "EST"),
        ("2024-01-{}T10:15 Europe/Berlin", "Europe/Berlin"),
        ("Mon Jan {} 12:00:00 CET 2024", "CET"),
        ("Mon Jan {} 2024 12:00:00 GMT+0100 (Some Time)", "(Some Time)"),
    ],
)
def test_times_with_a_word_are_refused(text, word):
    texts = [text.format(n) for n in range(10, 31)]
    found = gathered([*texts, text.removesuffix(f" {word}").format(10)])
    assert f"a time whose {word!r} is not read" in found.problem
    assert found.remedies == ("text",)
    assert not gathered([*texts, "platform 9", "a:b c"] * 2).problem


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("${}.5", "€{}.5"),
        ("{}.5k", "{}.5M"),
        ("48.{} N", "48.{} S"),
        ("2024-01-{}", "{}-01-2024"),
    ],
)
def test_two_ways_of_writing_are_told_by_a_cell_of_each(one, other):
    ways = [[way.format(n) for n in range(10, 31)] for way in (one, other)]
    found = gathered(
        [text for pair in zip(*ways, strict=True) for text in pair]
    )
    assert "written in more than one way" in found.problem
    shown = found.problem.split("(")[1].strip(")'").split("', '")
    assert {shown[0] in way for way in ways} == {True, False}
    assert (shown[0] in ways[0]) != (shown[1] in ways[0])


CODES = {
    "a text as frequent as numbers": [*MONTHS, *["k.A."] * 20],
    "the last of a scale": ["1", "2", "3", "4", "5", "6+"] * 9,
    "few numbers": [*"1234" * 50, "else"],
    "several texts": [*"123456789" * 50, "J", "Q", "K"],
    "a digit and a letter": ["1a", "1b", "2a", "2b", "3a", "4a", "5a"] * 9,
}


@pytest.mark.parametrize("case", CODES)
def test_codes_are_categories(case):
    found = gathered(CODES[case])
    assert not found.problem and not found.left_out
    assert found.categories == tuple(sorted(set(CODES[case])))


@pytest.mark.parametrize(
    "gap",
    ["\\N", "(null)", "#NV", "#N/A", "<NA>", "#N/A N/A", " \\n ", "\u200b"],
)
def test_what_programs_write_for_no_value_is_missing(gap):
    for texts in (["1", "2"], ["2024-01-31", "2024-02-01"], ["a", "b"]):
        for is_target in (False, texts == ["a", "b"]):
            found = gathered([*texts, gap], is_target=is_target)
            assert not found.problem
            assert found.missing.tolist() == [False, False, True]


GAPS = [
    *("1.#QNAN", "-1.#IND", "0000-00-00", "#DIV/0!", "#WERT!", "#BEZUG!"),
    *("#VALEUR!", "#NOMBRE?", "#¡REF!", "#NAME?", "#N/D", "[NULL]", "<null>"),
    *("(NA)", "N.D.", "\u2212", "...", ".A", ".z", ":"),
]


@pytest.mark.parametrize("gap", GAPS)
def test_words_for_no_number_and_no_time_are_missing_there(gap):
    for texts in (["1 kg", "2 kg"], ["2024-01-31", "2024-02-01"]):
        assert gathered([*texts, gap]).missing.tolist() == [False, False, True]
    assert gathered(["a", gap]).categories == tuple(sorted(["a", gap]))


@pytest.mark.parametrize("most", [column_gatherers.MOST_HELD, 3000])
@pytest.mark.parametrize("is_target", [False, True])
def test_a_slip_among_thousands_of_numbers_is_named(
    monkeypatch, most, is_target
):
    monkeypatch.setattr(column_gatherers, "MOST_HELD", most)
    texts = [f"{n}.5" for n in range(10_000)]
    texts[2001] = "oops"
    column = Cells(is_target, "'oops' in line 2003")
    column.add(texts, Places(range(10_000)))
    found = column.finish()
    assert "'oops' in line 2003" in found.problem
    assert is_target or "has numbers, and" in found.problem


@pytest.mark.parametrize("id_", ["9007199254740993", "9,007,199,254,740,993"])
def test_ids_after_many_numbers_are_left_out(monkeypatch, id_):
    monkeypatch.setattr(column_gatherers, "MOST_HELD", 30)
    column = Cells(False, "'x0' in line 2")
    for texts in ([f"{n:,}" for n in range(2000)], ["9007199254740992", id_]):
        column.add(texts, Places(range(len(texts))))
    found = column.finish()
    assert (found.problem, len(found.values)) == (None, 2002)
    assert found.left_out == "has more than 30 different texts"


def test_ids_and_numbers_of_many_kinds_are_left_out(monkeypatch):
    monkeypatch.setattr(column_gatherers, "MOST_HELD", 3000)
    column = Cells(False, "'x0' in line 2")
    texts = [f"{n}" if n % 5 else f"x{n}" for n in range(4000)]
    column.add(texts, Places(range(4000)))
    found = column.finish()
    assert (found.problem, found.remedies) == (None, ())
    assert found.left_out == "has more than 3,000 different texts"
