"""A table's header: what its columns are called, and which names the rows."""

import collections
import contextlib
import functools
import itertools
import math
import re
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.tables import readings
from trainer.tables.cells import is_missing_number
from trainer.tables.cells import plain
from trainer.tables.number_style import NumberStyle
from trainer.tables.time_form import TimeForm

MAX_COLUMNS = 10_000
MAX_NAME_CHARACTERS = 256
# What pandas calls a column that it read without a name.
_UNNAMED = re.compile(r"(?:Unnamed: 0(?:\.\d+)?)?")
# So many fractions do not rise by chance: wavelengths of a spectrum.
_MANY_NUMBERS = 8
_WHOLE = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
# So many values of one kind do not rise by chance: quantiles, hours.
_FEW_NAMES = 3
# So many names do not stand among the cells of so many rows by chance.
_FEW_ROWS = 8
_PLAIN = "number"


class Header(NamedTuple):
    """What a file's columns are called.

    Attributes:
      columns: a name for each cell of a row; None for one that is not read.
      row_names: the first of them, where it names rows; else ().
      notes: what was made of the header, a line each.
      numbered: by the name that a column got, the one of another that it had.
    """

    columns: tuple[str | None, ...]
    row_names: tuple[str, ...]
    notes: tuple[str, ...]
    numbered: Mapping[str, str]


def settle(
    path: Path,
    cells: Sequence[str],
    sample: Sequence[Sequence[str]] | None,
    *,
    may_be_decimals: bool = False,
) -> Header:
    """Settles the names of a file's columns.

    Args:
      path: of the file, for messages.
      cells: of its first line.
      sample: cells of the rows after it, a few; None where a file's schema
        tells the names, which no rows can be taken for.
      may_be_decimals: whether what parts the cells may stand within numbers.

    Raises:
      UserError: the line names no columns, or one by what is no name.
    """
    given = [*map(_printed, cells)]
    if not any(given):
        raise UserError(
            f"{path} is empty or begins with an empty line; its first line must"
            " name the columns; write a header there"
        )
    _check_count(path, sum(map(bool, given)))
    columns: list[str | None] = [*given]
    notes: list[str] = []
    if sample is not None:
        columns = [*_fitted(given, sample, may_be_decimals)]
        notes += _of_numbers(path, [name for name in given if name])
        notes += _of_cells(path, [str(name) for name in columns], sample)
    filled = max(map(_filled, sample or ()), default=len(columns))
    for place in range(len(columns) - 1, max(filled, 1) - 1, -1):
        if columns[place] != "":
            break
        columns[place] = None  # each line ends in delimiters
    _check_names(path, columns)
    row_names = columns[0]
    named = sum(name is not None for name in columns)
    if named < 2 or row_names is None or not _UNNAMED.fullmatch(row_names):
        row_names = None
    settled = _numbered(columns, row_names)
    return settled._replace(notes=(*notes, *settled.notes))


def _printed(name: str) -> str:
    """Returns a name with single blanks, without marks that none can see."""
    found = " ".join(name.split())
    return found if found.isprintable() else plain(found)


def _fitted(
    given: list[str], sample: Sequence[Sequence[str]], may_be_decimals: bool
) -> Iterable[str]:
    """Adds the names that a header lacks where every row has cells more.

    R's write.table gives row names no name at all; other programs end each row
    in delimiters. Whole numbers under a lone name may be what stands before a
    decimal comma, and name no rows; so may others that are not counted as R and
    pandas count rows.
    """
    widths = {len(row) for row in sample or ()}
    if len(widths) != 1 or min(widths) <= len(given):
        return given
    (more,) = (width - len(given) for width in widths)
    if is_blank(sample, len(given)):
        return [*given, *[""] * more]
    if more > 1:
        return given
    first = [row[0].strip() for row in sample]
    whole = [_WHOLE.fullmatch(cell) is not None for cell in first]
    counts = [[str(row + n) for row in range(len(first))] for n in (0, 1)]
    are_counted = all(whole) and len(given) > 1
    if may_be_decimals and first not in counts:
        are_counted = False
    alike = are_counted or not any(map(_is_number, first))
    if 1 < len(first) == len(set(first)) and alike:
        return ["", *given]
    return given


def _filled(row: Sequence[str]) -> int:
    """Returns how many cells of a row stand before blank ones, to its end."""
    places = range(len(row), 0, -1)
    return next((place for place in places if row[place - 1].strip()), 0)


def is_blank(sample: Sequence[Sequence[str]], start: int) -> bool:
    """Whether all cells of rows from the start-th on are empty."""
    return not any("".join(row[start:]).strip() for row in sample)


def _numbered(columns: Sequence[str | None], row_names: str | None) -> Header:
    """Names the columns that have no name, or the one of another."""
    notes, found, placed = [], [], []
    again: dict[str, str] = {}
    if row_names is not None:
        notes.append(
            "the first column has no name of its own: it names the rows, and is"
            " no feature"
        )
    taken = set(columns)
    seen: set[str | None] = set()
    numbers: dict[str | None, Iterator[int]] = collections.defaultdict(
        functools.partial(itertools.count, 1)
    )
    for place, name in enumerate(columns, 1):
        new = name
        if name == "" and (place > 1 or row_names is None):
            new = f"column {place}"
            if new in taken:
                new = free(new, taken, numbers[new])
            placed.append(new)
        elif name is not None and name in seen:
            new = free(name, taken, numbers[name])
            again[new] = name
        taken.add(new)
        seen.add(new)
        found.append(new)
    if placed:
        told = some([*map(repr, placed)], 5)
        notes.append(f"without a name, called by their place: {told}")
    if again:
        told = some([*map(repr, again)], 5)
        notes.append(f"named as another column, numbered: {told}")
    own = () if row_names is None else (row_names,)
    return Header(tuple(found), own, tuple(notes), again)


def free(
    name: str, taken: Collection[str | None], numbers: Iterator[int]
) -> str:
    """Returns the name with the first of some numbers that none has yet."""
    return next(
        f"{name}.{number}"
        for number in numbers
        if f"{name}.{number}" not in taken
    )


def _check_count(path: Path, count: int) -> None:
    if count > MAX_COLUMNS:
        raise UserError(
            f"{path} has {count} columns; the most is {MAX_COLUMNS}; save"
            " the table as .npy files"
        )


def _check_names(path: Path, names: Sequence[str | None]) -> None:
    _check_count(path, sum(name is not None for name in names))
    for number, name in enumerate(names, 1):
        if name and not (
            len(name) <= MAX_NAME_CHARACTERS and name.isprintable()
        ):
            raise UserError(
                f"{path}: column {number} of the header is named {name[:40]!r};"
                f" a name must have 1 to {MAX_NAME_CHARACTERS} characters that"
                " can be printed; name the column, or take it out"
            )


def _of_numbers(path: Path, names: Sequence[str]) -> list[str]:
    """Tells names that are numbers from a first row of data.

    Returns:
      What is to be noted of names that may be data, none or one.

    Raises:
      UserError: they are data.
    """
    numbers = []
    for name in names:
        with contextlib.suppress(ValueError):
            numbers.append(float(name))
    if not any(map(math.isfinite, numbers)):
        return []  # "inf" and "nan" alone may be names
    pairs = list(itertools.pairwise(numbers))
    by_one = all(b == a + 1 for a, b in pairs)
    are_years = all(1900 <= number < 2100 for number in numbers)
    # Statistical offices begin with the newest. Two may be a row's by chance.
    falls_by_one = len(pairs) > 1 and all(b == a - 1 for a, b in pairs)
    if not pairs or (are_years and (by_one or falls_by_one)):
        return []
    rises = all(a < b for a, b in pairs)
    are_whole = all(number.is_integer() for number in numbers)
    if not rises or not (are_whole or len(numbers) >= _MANY_NUMBERS):
        raise _no_header(path, names)
    # As pandas numbers columns that have no names.
    if by_one and numbers[0] in (0, 1) and len(pairs) > 1:
        return []
    return [_rising(names)]


def _of_cells(
    path: Path, names: Sequence[str], sample: Sequence[Sequence[str]]
) -> list[str]:
    """Tells names that are written as the cells below them from data.

    Whole numbers, and plain ones of which there are several, are judged by
    themselves.

    Returns:
      What is to be noted of names that may be data, none or one.

    Raises:
      UserError: they are data.
    """
    named = [name for name in names if name]
    if _are_cells(names, sample):
        raise _no_header(path, named)
    below = [
        [row[place].strip() for row in sample if len(row) > place]
        for place in range(len(names))
    ]
    alike = collections.defaultdict(list)
    for name, cells in zip(names, map(frozenset, below), strict=True):
        kind = _kind(name)
        if kind is not None and _are_of(cells, kind):
            alike[kind].append(name)
    plain = alike.pop(_PLAIN, [])
    # pandas names a lone column of an index so.
    if len(plain) == 1 == sum(map(_is_number, named)) and names[0]:
        others = [name != plain[0] and name for name in names]
        are_cells = (n in b for n, b in zip(others, below, strict=True) if n)
        if not plain[0].isdecimal() or (any(others) and all(are_cells)):
            raise _no_header(path, named)
    for found in alike.values():
        if len(found) < _FEW_NAMES or not _rise(found):
            raise _no_header(path, named)
    return [_rising(named)] if alike else []


def _are_cells(names: Sequence[str], sample: Sequence[Sequence[str]]) -> bool:
    """Whether each name, texts among them, is a cell of its own column, too.

    A line that repeats the names, as files joined in one have, tells nothing.
    """
    texts = [name for name in names if name and not _is_number(name)]
    rows = [[" ".join(cell.split()) for cell in row] for row in sample]
    others = [row for row in rows if row != [*names]]
    if len(texts) < _FEW_NAMES or len(others) < _FEW_ROWS:
        return False
    return all(
        any(row[place : place + 1] == [name] for row in others)
        for place, name in enumerate(names)
        if name
    )


def _kind(text: str) -> str | tuple[str, str] | None:
    """Returns how a number or a time is written: its units, of a number."""
    if not _DIGIT.search(text):
        return None
    if _is_number(text):
        return _PLAIN
    if readings.looks_like_time(text):
        return "time"
    return readings.unit_of(text)


def _are_of(cells: Collection[str], kind: str | tuple[str, str]) -> bool:
    """Whether cells that have a value, of which there are, are written so."""
    kinds = {_kind(cell) for cell in cells if not is_missing_number(cell)}
    # A number with a decimal comma, or none.
    return kinds == {kind} or kinds == {kind} | {_PLAIN} == {("", ""), _PLAIN}


def _rise(names: Sequence[str]) -> bool:
    """Whether numbers with a unit, or times, rise."""
    found = readings.settle(names)
    if not isinstance(found, NumberStyle | TimeForm):
        return False
    return all(a < b for a, b in itertools.pairwise(found.read(names)))


def _no_header(path: Path, names: Sequence[str]) -> UserError:
    return UserError(
        f"{path}: line 1 holds {_shown(names)}, which is data and no header;"
        " write a first line that names the columns"
    )


def _rising(names: Sequence[str]) -> str:
    return (
        f"line 1 ({_shown(names)}) is taken for the header, since its numbers"
        " rise; where it is data, write a line above it that names the columns"
    )


def _shown(names: Sequence[str]) -> str:
    return repr(", ".join(names[:4])[:80])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
