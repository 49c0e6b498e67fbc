"""Tables of text and their numbers, as commands print them."""

import pytest

from trainer.process import columns


def test_columns_are_as_wide_as_their_widest_cell():
    rows = [["class", "rows", "to"], ["a", "12", ""], ["long name", "3", "b"]]
    assert columns.lay_out(rows).splitlines() == [
        "class      rows  to",
        "a            12",
        "long name     3   b",
    ]
    assert columns.lay_out(rows, left=3).splitlines() == [
        "class      rows  to",
        "a          12",
        "long name  3     b",
    ]


def test_some_of_many_are_named():
    assert columns.some(["a", "b"], 2) == "a, b"
    assert columns.some(["a", "b", "c", "d"], 2) == "a, b and 2 more"
    assert columns.some([], 2) == ""


def test_a_last_cell_may_span_the_rest_of_its_line():
    rows = [["name", "least", "mean"], ["a", "red, blue, green", ""]]
    assert columns.lay_out(rows, spans=True).splitlines() == [
        "name  least  mean",
        "a     red, blue, green",
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0.0000"),
        (-0.98765, "-0.9877"),
        (0.0123456, "0.0123"),
        (0.00123456, "0.001235"),
        (1.23456e-9, "1.235e-09"),
        (999.99, "999.9900"),
        (4033.44783, "4,033.45"),
        (573921.4, "573,921"),
        (-5739214.0, "-5,739,210"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_has_four_digits_or_more(value, words):
    assert columns.number(value) == words
    assert columns.shown(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (573900.4, "573,900"),
        (5739214, "5,739,000"),
        (1234.5, "1,234"),
        (3.14159, "3.142"),
        (0.000123456, "0.0001235"),
        (0, "0"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_rounded_number_is_as_people_write_it(value, words):
    assert columns.rounded(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (12345, "12,345"), (True, "True"), ("0.1", "0.1")],
)
def test_what_is_no_measure_is_shown_as_it_is(value, words):
    assert columns.shown(value) == words


def test_an_interval_may_be_missing():
    assert columns.between([0.5, 1.0]) == "0.5000 to 1.0000"
    assert columns.between(None) == "–"
    assert columns.between(None, nothing="") == ""


def test_a_difference_has_a_sign():
    told = [columns.signed(value) for value in (3.1e-6, -0.02, 0.0, -0.0)]
    assert told == ["+3.1e-06", "-0.0200", "+0.0000", "+0.0000"]
