"""Tables as people write them, drawn by Hypothesis."""

import datetime
import random
from typing import NamedTuple

from hypothesis import strategies as st

GAPS = ["", "NA", "n/a", "NULL", "?", "None", "nan"]
NUMBER_GAPS = [*GAPS, "-", "--", "#N/A", "missing", "n.a."]
BLANKS = ["", "", "", " ", "\xa0", "\u2003", "\u202f"]


class Written(NamedTuple):
    """A table that was drawn.

    Attributes:
      content: of the file.
      kinds: "number", "time" or "text" by the column's name, the last is "y".
    """

    content: bytes
    kinds: dict[str, str]


def _number(draw, decimal, group, rng):
    """Returns a function that draws a number in one style."""
    digits = draw(st.integers(0, 4))
    scale = draw(st.sampled_from([1, 1e3, 1e6, 1e9]))
    before, after = draw(
        st.sampled_from(
            [
                *[("", "")] * 6, ("$", ""), ("€ ", ""), ("", " €"), ("", "%"),
                ("", " %"), ("", " kg"), ("", "km/h"), ("USD ", ""), ("£", ""),
                ("", "\xa0°C"), ("", " m2"), ("R$ ", ""), ("", " per cent"),
            ]
        )
    )  # fmt: skip
    minus = draw(st.sampled_from(["-", "-", "\u2212", "(", "- ", None]))
    pad = draw(st.sampled_from(BLANKS))

    def one():
        value = rng.uniform(0, scale)
        text = f"{value:,.{digits}f}".translate(
            {ord(","): group, ord("."): decimal}
        )
        text = before + text + after
        if minus and rng.random() < 0.3:
            text = f"({text})" if minus == "(" else minus + text
        return pad + text + pad

    return one


def _time(draw, rng):
    """Returns a function that draws a time in one form."""
    date = draw(
        st.sampled_from(
            [
                "%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y",
                "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%a, %d %b %Y",
                "%G-W%V-%u", "%Y-%j", "%b %Y", "%d-%b-%y", "%A, %B %d, %Y", "",
            ]
        )
    )  # fmt: skip
    clock = draw(
        st.sampled_from(["%H:%M:%S", "%H:%M", "%I:%M %p", "%H:%M:%S.%f"])
    )
    has_clock = not date or draw(st.booleans())
    form = date + ("T" if date == "%Y-%m-%d" else " ") * bool(date)
    form = form + clock if has_clock else date
    zone = draw(st.sampled_from(["", "", "Z", "+02:00", " UTC", "-0530"]))
    zone = zone if has_clock and date else ""
    start = datetime.datetime(draw(st.integers(1970, 2060)), 1, 1)
    span = draw(st.sampled_from([86400, 10**7, 10**9])) * 1.0

    def one():
        moment = start + datetime.timedelta(seconds=rng.uniform(0, span))
        return moment.strftime(form) + zone

    return one


def _text(draw, rng):
    """Returns a function that draws a name of few or many."""
    many = draw(st.sampled_from([3, 12, 40, 10**6]))
    stem = draw(st.sampled_from(["red ", "n", "Größe ", "a, b ", 'q"', "x;"]))
    return lambda: f"{stem}{rng.randrange(many)}"


@st.composite
def tables(draw):
    """A `Written` of a few columns and up to 60 rows."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    rows = draw(st.integers(30, 60))
    decimal, group = draw(
        st.sampled_from(
            [
                *[(".", "")] * 3, (".", ","), (",", ""), (",", "."),
                (",", " "), (".", " "), (".", "'"), (",", "\xa0"), (".", "’"),
            ]
        )
    )  # fmt: skip
    kinds, columns = {}, {}
    for index in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["number", "number", "time", "text"]))
        make = (
            _number(draw, decimal, group, rng)
            if kind == "number"
            else (_time if kind == "time" else _text)(draw, rng)
        )
        gap = draw(st.sampled_from(GAPS if kind == "text" else NUMBER_GAPS))
        gaps = draw(st.sampled_from([0, 0, 0.1]))
        name = draw(st.sampled_from(["c{}", "unit {}", "{} (%)"]))
        name = name.format(index)
        kinds[name] = kind
        columns[name] = [
            gap if rng.random() < gaps else make() for _ in range(rows)
        ]
    columns["y"] = [rng.choice(["no", "yes"]) for _ in range(rows)]
    quotes_all = draw(st.booleans())

    def cell(text):
        if quotes_all or any(c in text for c in ('"', delimiter, "\n")):
            return '"' + text.replace('"', '""') + '"'
        return text

    lines = [
        delimiter.join(map(cell, row))
        for row in [tuple(columns), *zip(*columns.values(), strict=True)]
    ]
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return Written((mark + end.join(lines) + end).encode(), kinds)
