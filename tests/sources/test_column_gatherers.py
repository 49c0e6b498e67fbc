"""What a column's texts are: categories, slips among numbers, or ids."""

import pytest

from trainer.sources.column_gatherers import Cells
from trainer.sources.table_file import Places

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


def test_a_slip_of_a_unit_is_refused():
    texts = [f"{text} kg" for text in MONTHS] + ["3 lb"]
    assert gathered(texts).problem == "has numbers, and '3 lb'"


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
    "gap", ["\\N", "(null)", "#NV", "#N/A", "<NA>", "#N/A N/A", " \\n "]
)
def test_what_programs_write_for_no_value_is_missing(gap):
    for texts in (["1", "2"], ["2024-01-31", "2024-02-01"], ["a", "b"]):
        for is_target in (False, texts == ["a", "b"]):
            found = gathered([*texts, gap], is_target=is_target)
            assert not found.problem
            assert found.missing.tolist() == [False, False, True]


@pytest.mark.parametrize("gap", ["1.#QNAN", "-1.#IND", "0000-00-00"])
def test_words_for_no_number_and_no_time_are_missing_there(gap):
    for texts in (["1 kg", "2 kg"], ["2024-01-31", "2024-02-01"]):
        assert gathered([*texts, gap]).missing.tolist() == [False, False, True]
    assert gathered(["a", gap]).categories == tuple(sorted(["a", gap]))
