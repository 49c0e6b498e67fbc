"""Settles how a column's cells are read, by all of them together.

What people write may be read in several ways; a column has one, or is refused
with the field that says which.
"""

import dataclasses
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence

import numpy as np

from trainer.tables import cells
from trainer.tables.cell_patterns import BLANK
from trainer.tables.cell_patterns import MINUS
from trainer.tables.cell_text import TypedDate
from trainer.tables.cell_text import TypedNumber
from trainer.tables.number_style import matched
from trainer.tables.number_style import NumberStyle
from trainer.tables.time_form import FORMS
from trainer.tables.time_form import STAMP
from trainer.tables.time_form import TimeForm


class PlainNumbers:
    """Numbers as programs write them."""

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Returns numbers, as `cells.numbers` does."""
        return cells.numbers(texts)


@dataclasses.dataclass(frozen=True)
class Texts:
    """Names of categories.

    Attributes:
      missing: words for no value, casefolded.
      look: from a cell to the text as which it counts.
    """

    missing: frozenset[str] = cells.MISSING
    look: Callable[[str], str] = cells.usual


PLAIN = PlainNumbers()
# What `PlainNumbers` reads, but for what is not finite.
PLAIN_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
TEXTS = Texts()
# Of runs of earlier versions, the latest first.
PLAIN_TEXTS = Texts(look=cells.plain)
EARLIER_TEXTS = Texts(cells.EARLIER_MISSING, str.strip)
Reading = PlainNumbers | NumberStyle | TimeForm | Texts


@dataclasses.dataclass(frozen=True)
class Unclear:
    """What keeps a column's numbers or times from being read.

    Attributes:
      problem: what, as it follows a column's name.
      remedies: readings that settle it, of config.data.read_as.
    """

    problem: str
    remedies: tuple[str, ...]


# In the order in which one is taken where several fit and say the same.
_MARKS = tuple(
    (decimal, group)
    for decimal in (".", ",")
    for group in ("", ",", ".", " ", "'")
    if decimal != group
)
_BODIES = {
    marks: re.compile(NumberStyle(*marks).body).fullmatch for marks in _MARKS
}
# Two marks or more are thousands', India's too.
_GROUPED = re.compile(
    f"[0-9]{{1,3}}([.,'\u2019]|{BLANK})[0-9]{{2,3}}(?:\\1[0-9]{{2,3}})+"
)
# Lines of such numbers, or of what is missing.
_WHOLE = "(?:[0-9]{1,3}|[1-9][0-9]{0,2}\\.[0-9]{3})"
_THOUSANDS = re.compile(f"(?:[^0-9.\n]*(?:{_WHOLE}[^0-9.\n]*)?(?:\n|$))*+")
_HUNDREDS = re.compile(r"^[^0-9.\n]*[1-9][0-9]{2}[^0-9.\n]*$", re.MULTILINE)
_MONTH_YEAR = re.compile(
    f"{BLANK}*(0?[1-9]|1[0-2])[.](?:19|20)[0-9]{{2}}{BLANK}*"
)
# Zones by their names, some of which are several; and German's o'clock.
_ZONE_NAME = re.compile(
    f"{BLANK}+(?P<word>Uhr|[A-Z]{{2,5}}|[A-Za-z]+/[A-Za-z_]+|\\([A-Za-z ]+\\))"
    f"(?={BLANK}|$)"
)
_MOST_TIME_CHARACTERS = 100
# Of numbers it takes hours before AM and PM alone, which are no units.
_CLOCK = TimeForm("time")
_TRIED = tuple(name for name in FORMS if name != STAMP)
# Forms that the same digits may have, by what these begin with.
_BEGINNINGS = {
    "day_first": "the day",
    "month_first": "the month",
    "short_year_first": "the year",
}
_PARTED = re.compile(r"[^0-9]*([0-9]+)[-/][0-9]+[-/]([0-9]+)")
# Codes and seasons are written as these, too: 4821-123, 2001/02.
_BARE_YEAR_FIRST = ("year_month", "ordinal")
_BARE_FORMS = (*_BARE_YEAR_FIRST, "month_year")
_FULL_YEAR = re.compile("[0-9]{4}")
_BARE = re.compile(r"[^0-9]*([0-9]{4})[-/]([0-9]+)(.*)", re.DOTALL)
_YEARS = range(1500, 2201)
# Of two clocks the second may be an offset; none is further west than 12 hours.
_SPAN = re.compile(
    f"[^:]*?([0-9]{{1,2}}:[0-9]{{2}}){BLANK}*[{MINUS}]"
    f"([0-9]{{1,2}}:[0-9]{{2}}){BLANK}*"
)
_WESTERNMOST = "12:00"
_DOTTED = re.compile(r".*?[0-9]\.[0-9]{1,2}\.[0-9].*", re.DOTALL)


def settle(
    texts: Collection[str], wish: str | None = None
) -> NumberStyle | TimeForm | Unclear | None:
    """Settles how a column is read whose cells are no plain numbers.

    Args:
      texts: its different cells, without missing ones.
      wish: "text", "decimal_point", "decimal_comma", "day_first",
        "month_first" or "year_first" where config.data.read_as says so.

    Returns:
      How; what keeps it from being read; or None for texts.
    """
    decimals = {"decimal_point": ".", "decimal_comma": ","}
    if wish == "text":
        return None
    if wish in decimals:
        return _number(texts, decimals[wish]) or _unfit(wish)
    if wish == "year_first":
        forms = (wish, "basic", STAMP, "short_year_first", *_BARE_YEAR_FIRST)
        return _time(texts, forms) or _unfit(wish)
    if wish is not None:
        return _time(texts, (wish,)) or _unfit(wish)
    found = (
        _number(texts, None) or _time(texts, _TRIED) or _time_with_a_word(texts)
    )
    are_others = _are_codes(texts, found) or _are_spans(texts, found)
    return None if are_others else found


def _unfit(wish: str) -> Unclear:
    return Unclear(
        f"is not written as config.data.read_as says ({wish})", ("text",)
    )


def _time(
    texts: Collection[str], forms: tuple[str, ...]
) -> TimeForm | Unclear | None:
    """Settles the form in which all texts are times."""
    fitting = [TimeForm(name) for name in forms]
    for text in texts:
        fitting = [form for form in fitting if form.matches(text)]
        if not fitting:
            return None
    if not texts:
        return None
    held = list(texts)
    written = [text for text in held if not isinstance(text, TypedDate)]
    if len(fitting) > 1 and _begin_with_no_year(written):
        fitting = [form for form in fitting if form.name != "short_year_first"]
    first = fitting[0].read(held)
    names = {form.name for form in fitting}
    # What is the same day by all of them tells nothing of the next rows.
    are_several = bool(written) and len(names & _BEGINNINGS.keys()) > 1
    is_unclear = are_several and not _are_yearly(first)
    if is_unclear or any((f.read(held) != first).any() for f in fitting[1:]):
        *most, last = [w for name, w in _BEGINNINGS.items() if name in names]
        return Unclear(
            f"has {written[0]!r}, which may begin with {', '.join(most)} or"
            f" {last}, and no cell that tells",
            tuple(n.removeprefix("short_") for n in _BEGINNINGS if n in names),
        )
    return fitting[0]


def _are_yearly(instants: np.ndarray) -> bool:
    """Whether days that are their months' numbers are one, once a year.

    Such rows, as annual figures of January 1, have no other day.
    """
    found = np.unique(instants).astype("datetime64[us]")
    years = np.unique(found.astype("datetime64[Y]"))
    months = np.unique(found.astype("datetime64[M]").astype(np.int64) % 12)
    return len(years) == len(found) and len(months) == 1


def _begin_with_no_year(texts: Sequence[str]) -> bool:
    """Whether a person would look for no year of two digits at the beginning.

    Nobody who parts by points writes it there. Else days come first by far more
    often, and where they do they differ more than years; but the first or the
    last day of each month differs less than the year.
    """
    if all(map(_DOTTED.fullmatch, texts)):
        return True
    found = [_PARTED.match(text) for text in texts]
    firsts, lasts = ({m and m[place] for m in found} for place in (1, 2))
    are_edges = lasts <= {"1", "01"} or lasts <= {"28", "29", "30", "31"}
    return None not in firsts and len(firsts) > len(lasts) and not are_edges


def _time_with_a_word(texts: Collection[str]) -> Unclear | None:
    """Says what keeps texts from being times that are some but for a word."""
    told = None
    for text in texts:
        if not looks_like_time(text):
            word = _word_of(text)
            if word is None:
                return None
            told = told or (text, word)
    if told is None:
        return None
    text, word = told
    return Unclear(
        f"has {text!r}, a time whose {word!r} is not read: a zone must be UTC"
        " or an offset such as +01:00",
        ("text",),
    )


def _word_of(text: str) -> str | None:
    """Returns the word without which a text is a time."""
    if ":" not in text or len(text) > _MOST_TIME_CHARACTERS:
        return None
    for found in _ZONE_NAME.finditer(text):
        if looks_like_time(text[: found.start()] + text[found.end() :]):
            return found["word"]
    return None


def unit_of(text: str) -> tuple[str, str] | None:
    """Returns the units before and after a number; None of what is none.

    A clock's hour, as "9 AM", is none.
    """
    found = matched(text)
    if found is None or not _is_body(found["body"]) or _CLOCK.matches(text):
        return None
    return found["before"] or "", found["after"] or ""


def thousands_by_a_point(texts: Sequence[str]) -> tuple[str, str] | None:
    """Returns a number whose point may be thousands', if none tells.

    Args:
      texts: numbers, units beside them, or missing ones.

    Returns:
      A cell such as "1.234" where all that have a point look so, and no other
      has four digits; "" where none has a point; and one such as "950", or "".
      None where a cell tells.
    """
    joined = "\n".join(texts)
    if _THOUSANDS.fullmatch(joined) is None:
        return None
    hundreds = _HUNDREDS.search(joined)
    found = next(
        (t for t in texts if "." in t and not cells.is_missing_number(t)), ""
    )
    if isinstance(found, TypedNumber):
        return None
    return found, hundreds[0] if hundreds else ""


def _is_body(body: str) -> bool:
    """Tells whether digits and their marks are of any style, and no id."""
    return not _is_rounded(body) and any(f(body) for f in _BODIES.values())


def months_by_a_point(texts: Sequence[str]) -> dict[str, str] | None:
    """Returns a cell by each month, as 01 of 01.2024; None where one is none.

    Args:
      texts: numbers, or missing ones.
    """
    found: dict[str, str] = {}
    for text in texts:
        month = _MONTH_YEAR.fullmatch(text)
        if month is not None and not isinstance(text, TypedNumber):
            found[month[1]] = text
        elif not cells.is_missing_number(text):
            return None
    return found


def is_id(text: str) -> bool:
    """Tells whether a cell is a whole number that 64 bits would round."""
    found = matched(text)
    return found is not None and _is_rounded(found["body"])


def _is_rounded(body: str) -> bool:
    is_grouped = _GROUPED.fullmatch(body) is not None
    digits = re.sub("[^0-9]", "", body) if is_grouped else body
    return digits.isdecimal() and cells.is_rounded(digits, float(digits))


def looks_like_time(text: str) -> bool:
    """Tells whether a text alone is a time to a person."""
    if _is_span(text):
        return False
    name = next((n for n in _TRIED if TimeForm(n).matches(text)), None)
    if name not in _BARE_FORMS or isinstance(text, TypedDate):
        return name is not None
    year = _FULL_YEAR.search(text)
    return year is not None and int(year[0]) in _YEARS


def _are_codes(
    texts: Collection[str], found: NumberStyle | TimeForm | Unclear | None
) -> bool:
    """Tells whether texts in a form of times are codes or seasons."""
    if not isinstance(found, TimeForm) or found.name not in _BARE_FORMS:
        return False
    are_times = all(map(looks_like_time, texts))
    return not are_times or all(map(_is_season, texts))


def _are_spans(
    texts: Collection[str], found: NumberStyle | TimeForm | Unclear | None
) -> bool:
    """Tells whether offsets of times are the ends of ranges, as 09:00-10:00.

    Ends are many, later than their beginnings, and seldom have a date: any two
    of these tell, as a table's offsets may be one of them.
    """
    if not isinstance(found, TimeForm):
        return False
    ends = {m[2].zfill(5) for m in map(_SPAN.fullmatch, texts) if m}
    are_later = bool(ends) and all(map(_is_span, texts))
    signs = (found.name == "time", len(ends) > 2, are_later)
    return any(end > _WESTERNMOST for end in ends) or sum(signs) > 1


def _is_span(text: str) -> bool:
    """Tells whether a time's offset alone may be the end of a range."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return False
    begin, end = (clock.zfill(5) for clock in found.groups())
    return end > _WESTERNMOST or "00:00" < begin < end


def _is_season(text: str) -> bool:
    """Tells whether a text is two years that follow each other, as 2001/02."""
    bare = _BARE.fullmatch(text)
    if bare is None or len(bare[2]) > 2 or bare[3].strip():
        return False
    return int(bare[2]) == (int(bare[1]) + 1) % 100


def _number(
    texts: Collection[str], decimal: str | None
) -> NumberStyle | Unclear | None:
    """Settles the style in which all texts, of which there are, are numbers.

    Typed numbers are in any, and tell of none.
    """
    typed = [text for text in texts if isinstance(text, TypedNumber)]
    written = [text for text in texts if not isinstance(text, TypedNumber)]
    found = []
    for text in written:
        match = matched(text)
        if match is None or not _is_body(match["body"]):
            return None
        found.append(match)
    bodies = [match["body"] for match in found]
    if not all(map(cells.is_number, typed)):
        return None
    units = {(m["before"] or "", m["after"] or "") for m in found}
    if len(units) > 1:
        return None
    hours = [text for text in texts if _CLOCK.matches(text)]
    if hours and decimal is None:
        if len(hours) == len(texts):
            return None
        other = next(text for text in texts if text not in hours)
        return Unclear(
            f"has {hours[0]!r}, an hour of the day, and {other!r}, which is"
            " none",
            ("decimal_point", "text"),
        )
    fitting = [
        marks
        for marks in _MARKS
        if all(map(_BODIES[marks], bodies)) and decimal in (None, marks[0])
    ]
    if not fitting:
        with_each = [[b for b in bodies if mark in b] for mark in ".,"]
        shown = " and ".join(repr(some[0]) for some in with_each if some)
        return Unclear(
            f"writes numbers in more than one way ({shown})", ("text",)
        )
    before, after = units.pop() if units else ("", "")
    if decimal is None and _is_ambiguous(fitting, bodies):
        first = next(body for body in bodies if "," in body)
        return Unclear(
            f"has {first!r}, which may be thousands or decimals, and no cell"
            " that tells",
            ("decimal_point", "decimal_comma"),
        )
    if decimal == "," and (",", ".") in fitting:
        fitting = [(",", ".")]  # Next rows may have thousands.
    return NumberStyle(*fitting[0], before, after)


def _is_ambiguous(fitting: list[tuple[str, str]], bodies: list[str]) -> bool:
    """Tells whether commas may be thousands' or decimals' alike.

    Where whole numbers below 1,000 stand without a comma, and none above,
    commas are thousands': decimals of a fixed width would have one everywhere.
    """
    if not {(".", ","), (",", "")} <= set(fitting):
        return False
    if (".", "") in fitting:  # no cell has a comma
        return False
    bare = [body for body in bodies if "," not in body]
    return not bare or max(map(len, bare)) > 3
