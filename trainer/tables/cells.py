"""Cells of a CSV file -> numbers, or what keeps them from being numbers."""

import math
import re
import string
from collections.abc import Sequence

import numpy as np

from trainer.tables.cell_patterns import NO_WIDTH
from trainer.tables.cell_text import TypedDate
from trainer.tables.cell_text import TypedDuration

# All that runs of earlier versions took for no value among texts.
EARLIER_MISSING = frozenset(("", "?", "na", "n/a", "nan", "null", "none"))
# What people and programs write where there is no value, in any case; "\\n"
# is a database's, "#nv" a German spreadsheet's.
MISSING = EARLIER_MISSING | frozenset(
    ("\\n", "(null)", "<na>", "#n/a", "#n/a n/a", "#na", "#nv")
)
# Further ones among numbers and times: a text column may mean them.
MISSING_NUMBER = MISSING | frozenset(
    (
        *(
            "-",
            "--",
            "---",
            "\u2013",
            "\u2014",
            ".",
            "..",
            "n.a.",
            "n.a",
            "nil",
        ),
        *("\u2212", "...", "\u2026", ":", "\u200b", "\ufeff"),
        *("[null]", "<null>", "(na)", "n.d.", "n/d", "nat"),
        # SAS and Stata tell kinds of gaps by letters.
        *map(".{}".format, string.ascii_lowercase),
        *("-nan", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "missing"),
        # MySQL's date of no day.
        *("0000-00-00", "0000-00-00 00:00:00"),
    )
)
# A spreadsheet's errors, in any language: #DIV/0!, #WERT!, #NOMBRE?, #N/D.
ERROR = r"#(?:[^ 0-9]{2,12}(?:/0)?[!?]|[nN]/[aAbBdD])"
# A whole number's text in a data frame, whose column one gap makes floats.
WHOLE_FLOAT = "^(-?[0-9]+)[.]0$"
# Truths, which R and spreadsheets write as TRUE, JSON as true, pandas as True.
TRUTHS = ("false", "true")
_IS_ERROR = re.compile(ERROR).fullmatch
LARGEST = float(np.finfo(np.float32).max)
# From here on float64 merges whole numbers.
EXACT_WHOLE = 2.0**53
TOO_LARGE = f"must be finite and at most {LARGEST:.2g}"


class BadCellError(Exception):
    """A cell that breaks a rule: which of the block, and the rule."""

    def __init__(self, index: int, rule: str) -> None:
        super().__init__(rule)
        self.index = index
        self.rule = rule


def plain(text: str) -> str:
    """Returns a text as it looks: single blanks, and none at its ends."""
    if isinstance(text, TypedDate | TypedDuration):  # has none, stays typed
        return text
    return " ".join(re.sub(NO_WIDTH, "", text).split())


def spellings(cell: str) -> tuple[str, ...]:
    """Returns a text as other programs write the same value, the usual first.

    pandas writes whole numbers with a point where one of the column is
    missing, and a typed time of midnight as a date or not, by the others.
    """
    if isinstance(cell, TypedDate):
        day = cell.removesuffix("T00:00:00")
        return tuple(text.replace("T", " ") for text in (day, cell))
    usual = re.sub(WHOLE_FLOAT, r"\1", plain(cell))
    is_typed = isinstance(cell, TypedDuration)
    return (TypedDuration(usual) if is_typed else usual,)


def usual(cell: str) -> str:
    """Returns the text that stands for all spellings of a value."""
    return spellings(cell)[0]


def truths(texts: Sequence[str]) -> dict[str, int]:
    """Returns where the texts stand that are false and true, in any case.

    Args:
      texts: different ones; of several that are the same word none is it.

    Returns:
      Places by the words of TRUTHS.
    """
    found = [text.lower() for text in texts]
    return {t: found.index(t) for t in TRUTHS if found.count(t) == 1}


def is_missing_number(text: str) -> bool:
    """Tells whether a cell among numbers or times holds no value."""
    word = text.strip()
    return word.casefold() in MISSING_NUMBER or bool(_IS_ERROR(word))


def numbers(texts: Sequence[str]) -> np.ndarray:
    """Reads a column's cells as numbers: float64 [rows], NaN where missing.

    Raises:
      ValueError: a cell holds something else, or a whole number that 64 bits
        would round; see `first_text`.
      BadCellError: a cell holds a number that is not finite in float32.
    """
    joined = "".join(texts)
    try:
        # Python takes 1_000 and digits of any alphabet; a table may not mean
        # numbers by them.
        plain = joined.isascii() and "_" not in joined
        values = np.array(texts if plain else [], np.float64)
    except ValueError:
        plain = False
    if not plain:
        values = np.array([_number(text) for text in texts], np.float64)
    for index in np.flatnonzero(np.abs(values) >= EXACT_WHOLE).tolist():
        if is_rounded(texts[index], float(values[index])):
            raise ValueError(texts[index])
    wide = ~(np.abs(values) <= LARGEST)
    for index in np.flatnonzero(wide).tolist():
        if not is_missing_number(texts[index]):
            raise BadCellError(index, TOO_LARGE)
    return values


def _number(text: str) -> float:
    if is_missing_number(text):
        return float("nan")
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text)


def is_rounded(text: str, value: float) -> bool:
    """Tells whether a cell is a whole number that 64 bits would round.

    Such are ids, which must not become one another.
    """
    digits = text.strip()
    return (
        EXACT_WHOLE <= abs(value) < math.inf
        and are_whole([digits])
        # Python refuses to read more than 4,300 digits, zeros before them too.
        and int(digits.lstrip("+-0")) != int(abs(value))
    )


def first_text(texts: Sequence[str]) -> int:
    """Returns the index of the first cell that is neither number nor missing.

    Raises:
      StopIteration: there is none.
    """
    return next(i for i, text in enumerate(texts) if not is_number(text))


def is_number(text: str) -> bool:
    """Tells whether a cell is a number or missing."""
    try:
        return not is_rounded(text, _number(text))
    except ValueError:
        return False


def are_whole(texts: Sequence[str]) -> bool:
    """Tells whether all cells are written as whole numbers, or missing."""
    return all(
        text.strip().removeprefix("-").removeprefix("+").isdecimal()
        or is_missing_number(text)
        for text in texts
    )
