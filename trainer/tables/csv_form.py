"""How a text file's lines are parted, told by its start."""

import contextlib
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.process.exits import UserError
from trainer.tables import header
from trainer.tables import text_file
from trainer.tables.cells import is_number
from trainer.tables.csv_records import BLANKS
from trainer.tables.csv_records import DELIMITERS
from trainer.tables.csv_records import Form
from trainer.tables.csv_records import records_of

# The line that tells Excel what parts the columns.
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
# A header each cell of which stands in apostrophes, as in SQL and ARFF.
_APOSTROPHES = re.compile(r"'(?:[^']|'')*+'(?: *[,;\t|] *'(?:[^']|'')*+')*\s*")
# A number with a decimal comma holds no delimiter.
# Digits are not given back: to keep where each began takes 100 times as much.
_NUMBER = re.compile(r"[^\w,;|\t]*\d(?:(?:[.,']|[^\S\t])?\d)*+[^\d,;|\t]*")
# Rows that tell what parts the columns, where the header alone does not.
_START_ROWS = 20
# Enough for them, breaks within cells included; each delimiter reads its own.
_START_LINES = 10_000


class Start(NamedTuple):
    """A file's start, as a form parts it.

    Attributes:
      form: how its lines are parted.
      header: the first record.
      rows: those below it.
      refusal: of the line where they end.
    """

    form: Form
    header: list[str]
    rows: list[list[str]]
    refusal: UserError | None


def start_of(path: Path) -> Start:
    """Finds how a file is parted, and returns its start.

    The delimiter is the one that Excel's line `sep=` names; or the one of
    comma, semicolon, tab and bar that makes as many columns, two or more, of
    the header as of the rows after it, where several do the one that leaves
    the others in the smallest share of cells; the same where blanks stand
    between quotes and it; or spaces, where none of these stands in the header;
    or the one that makes the most columns of the header. Apostrophes quote
    where they quote every name.

    Args:
      path: text as `text_file.lines` takes it.

    Raises:
      UserError: it is no such file, has no header, or more stands above it.
    """
    with contextlib.closing(text_file.lines(path)) as lines:
        first = next(lines, "")
        separator = _SEPARATOR_LINE.fullmatch(first)
        names = next(lines, "") if separator else first
    skipped = 1 if separator else 0
    quote = "'" if _APOSTROPHES.fullmatch(names) else '"'
    starts = [
        _start(path, Form(delimiter, skipped, quote=quote))
        for delimiter in ((separator[1],) if separator else DELIMITERS)
    ]
    best = max(starts, key=_fitness)  # the first of equal ones
    if not _fits(best) and any(
        "expected after" in str(start.refusal) for start in starts
    ):
        forms = [start.form._replace(is_loose=True) for start in starts]
        loose = max((_start(path, form) for form in forms), key=_fitness)
        best = loose if _fits(loose) else best
    if not separator and not _fits(best):
        _check_title(path, first.strip(), starts)
    if not separator and _fits(best):
        _check_padded(path, best)
    if not separator and len(best.header) < 2:
        blanks = _start(path, Form(BLANKS, skipped))
        best = blanks if _fits(blanks) else best
    if not best.header and best.refusal is not None:
        raise best.refusal
    return best


def may_be_decimals(path: Path, start: Start) -> bool:
    """Whether commas that make rows longer than the header may be decimals'.

    Digits alone follow those. Not where the first row begins with a quote, as
    R quotes names of rows.
    """
    is_longer = any(len(row) > len(start.header) for row in start.rows[:1])
    are_digits = all(
        row[1].strip().isdecimal() for row in start.rows if row[1:]
    )
    if start.form.delimiter != "," or not (is_longer and are_digits):
        return False
    with contextlib.closing(text_file.lines(path)) as lines:
        below = itertools.islice(lines, start.form.skipped_lines + 1, None)
        return not next(below, "").lstrip().startswith(start.form.quote)


def _start(path: Path, form: Form) -> Start:
    found: list[list[str]] = []
    refusal = None
    try:
        for _, cells in records_of(path, form, _START_LINES):
            if not cells and found:
                continue
            found.append(cells)
            if len(found) > _START_ROWS:
                break
    except UserError as error:
        refusal = error
    cells, *rows = found or [[]]
    return Start(form, cells, rows, refusal)


def _fitness(start: Start) -> tuple[bool, bool, float, int, float]:
    """Returns what tells the delimiter: of one that fits, by its cells.

    First whether the rows are as wide as the header, as most files' are.
    """
    count = len(start.header)
    cells = [cell for row in start.rows for cell in row]
    if not _fits(start) or not cells:
        return _fits(start), False, 0.0, count, 0.0
    numbers = [_NUMBER.fullmatch(cell) is not None for cell in cells]
    unparted = sum(
        not is_such and any(mark in cell for mark in DELIMITERS)
        for cell, is_such in zip(cells, numbers, strict=True)
    )
    share = len(cells)
    is_exact = len(start.rows[0]) == count
    return True, is_exact, -unparted / share, count, sum(numbers) / share


def _fits(start: Start) -> bool:
    """Whether a delimiter makes a table of the file's start."""
    count = len(start.header)
    widths = {len(row) for row in start.rows} or {count}
    width = max(widths)
    # R leaves the first column without a name, spreadsheets the last ones.
    return (
        count > 1
        and start.refusal is None
        and len(widths) == 1
        and (
            width in (count, count + 1)
            or (width > count and header.is_blank(start.rows, count))
        )
    )


def _check_title(path: Path, first: str, starts: Sequence[Start]) -> None:
    """Refuses what stands above the header: a title, or a comment.

    The line below it names columns then, of which one or more hold numbers.
    """
    for start in starts:
        names, *rows = start.rows or [[]]
        widths = {len(row) for row in start.rows}
        if len(widths) != 1 or len(start.header) >= len(names):
            continue
        if any(_NUMBER.fullmatch(name) or not name.strip() for name in names):
            continue
        if _have_numbers(rows):
            raise _title(path, first, "the line", names)


def _check_padded(path: Path, start: Start) -> None:
    """Refuses a title that has as many cells as the rows, empty but for one.

    The first row without an empty cell names columns then.
    """
    title = [cell for cell in start.header if cell.strip()]
    full = (all(map(str.strip, row)) for row in start.rows)
    place = next(itertools.compress(itertools.count(), full), None)
    if len(title) == 1 and len(start.header) > 2 and place is not None:
        names, *rows = start.rows[place:]
        are_cells = any(is_number(n) or _NUMBER.fullmatch(n) for n in names)
        if not are_cells and _have_numbers(rows):
            raise _title(path, title[0], "a line", names)


def _have_numbers(rows: Sequence[Sequence[str]]) -> bool:
    """Whether one or more columns are numbers."""
    columns = zip(*rows, strict=True)
    return any(all(map(_NUMBER.fullmatch, column)) for column in columns)


def _title(path: Path, first: str, which: str, names: list[str]) -> UserError:
    return UserError(
        f"{path}: line 1 ({first[:40]!r}) seems to be no header, and {which}"
        f" below it to name {len(names)} columns ({', '.join(names)[:80]!r});"
        " take out what stands above it"
    )
