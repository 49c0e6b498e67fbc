"""Text files with a header, read block by block and held to their header.

The standard library's reader does the quoting. What it lets pass is refused
here: rows of another length, and bytes that are no text.
"""

import contextlib
import csv
import dataclasses
import functools
import itertools
import re
from collections.abc import Collection
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.process.exits import UserError
from trainer.sources import header
from trainer.sources import text_file
from trainer.sources.cells import is_number
from trainer.sources.cells import plain
from trainer.sources.table_file import Block
from trainer.sources.table_file import BLOCK_CELLS
from trainer.sources.table_file import Places
from trainer.sources.table_file import TableFile

DELIMITERS = (",", ";", "\t", "|")
# Columns that are parted by as many spaces as it takes to align them.
BLANKS = " "
# The line that tells Excel what parts the columns.
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\s"]|\t)"?\s*', re.IGNORECASE)
# A header each cell of which stands in apostrophes, as in SQL and ARFF.
_APOSTROPHES = re.compile(r"'(?:[^']|'')*+'(?: *[,;\t|] *'(?:[^']|'')*+')*\s*")
# A number with a decimal comma holds no delimiter.
# Digits are not given back: to keep where each began takes 100 times as much.
_NUMBER = re.compile(r"[^\w,;|\t]*\d(?:(?:[.,']|[^\S\t])?\d)*+[^\d,;|\t]*")
# What some programs write below the names: a rule, or what columns hold.
_RULE = re.compile(r":?[-=]+:?")
_TYPE = re.compile(
    r"(?:u?int|float)(?:8|16|32|64)?|integer|double|number|numeric|decimal|real"
    r"|str|string|text|object|category|bool|boolean|date|datetime|timestamp"
    r"|(?:var)?char(?:\(\d+\))?"
)
_REPEATED = (
    "take it out, or, where line 1 is data, write a line above it that names"
    " the columns"
)
# Rows that tell what parts the columns, where the header alone does not.
SAMPLE_ROWS = 20
# Enough for them, breaks within cells included; each delimiter reads its own.
_SAMPLE_LINES = 10_000
# Records that tell how a column's cells look.
_USUAL_ROWS = 1_000
_LINE_END = re.compile(r"\r\n?|\n")
# A spreadsheet may end a line in a delimiter for each of its 16,384 columns.
_MOST_CELLS = 4 * header.MAX_COLUMNS


class Form(NamedTuple):
    """How a text file's lines are parted.

    Attributes:
      delimiter: one of DELIMITERS, BLANKS, or what a line `sep=` names.
      skipped_lines: how many stand above the header.
      is_loose: whether blanks stand between a quote and a delimiter.
      quote: what cells are quoted by.
    """

    delimiter: str
    skipped_lines: int = 0
    is_loose: bool = False
    quote: str = '"'


_COMMAS = Form(",")


@dataclasses.dataclass(frozen=True)
class CsvFile(TableFile):
    """A text file whose header was read.

    Attributes:
      cells: the name of each cell of a row; None for one that is not read.
      form: how its lines are parted.
    """

    cells: tuple[str | None, ...] = ()
    form: Form = _COMMAS

    @property
    def how_parted(self) -> str:
        return f"parted by {self.delimiter!r}"

    def blocks(
        self,
        block_rows: int | None = None,
        names: Collection[str] | None = None,
    ) -> Iterator[Block]:
        """Yields as `TableFile.blocks`; leaves lines without a cell out.

        In a file of one column such a line above a row is a missing cell.
        """
        asked = self.asked(names)
        size = block_rows or max(BLOCK_CELLS // len(self.cells), 1)
        with contextlib.closing(_records(self.path, self.form)) as records:
            first = next(records, (0, []))
            rows = self._rows(self._checked(first, records))
            while block := list(itertools.islice(rows, size)):
                yield self._named(block, asked)

    def _rows(
        self, records: Iterator[tuple[int, list[str]]]
    ) -> Iterator[tuple[int, list[str]]]:
        """Yields the records that are rows."""
        empty: list[tuple[int, list[str]]] = []
        for line, cells in records:
            if cells:
                yield from empty
                empty = []
                yield line, cells
            elif len(self.cells) == 1:
                empty.append((line, [""]))

    def _checked(
        self,
        first: tuple[int, list[str]],
        records: Iterator[tuple[int, list[str]]],
    ) -> Iterator[tuple[int, list[str]]]:
        """Yields records; refuses a header among them, as files in one have.

        Raises:
          UserError: a line repeats the names, or rules off or types them; or
            several rows became one by a quote that is text.
        """
        before, names = first
        header_cells = [*map(plain, names)]
        # Rows of numbers may be those that columns are called by.
        are_names = sum(not is_number(name) for name in header_cells) > 1
        is_first = True
        for line, found in records:
            what, remedy = None, "take it out"
            if found and is_first:
                is_first = False
                what = _below(found)
            if (
                are_names
                and len(found) == len(names)
                and found[-1] == names[-1]  # few rows are looked at closer
                and [*map(plain, found)] == header_cells
            ):
                what = "repeats the header"
                remedy = _REPEATED
            if what:
                shown = self.delimiter.join(map(plain, found))
                raise UserError(
                    f"{self.path}: line {line} ({shown[:40]!r}) {what}; each"
                    f" line below the first must be a row; {remedy}"
                )
            if line > before + 1 and self._are_rows(found):
                raise UserError(
                    f"{self.path}: lines {before + 1} to {line} seem to be"
                    " rows, which a quote that begins a cell makes one; put"
                    " quotes around such a cell, and write those within twice"
                )
            before = line
            yield line, found

    def _are_rows(self, cells: Sequence[str]) -> bool:
        """Whether the lines that a record spans are rows, by all that tells.

        Each is as wide as the table if no quote holds a delimiter, and has
        what rows have in columns of numbers or of few texts. Two lines that
        only a column of numbers speaks for may be an address.
        """
        mark = None if self.delimiter == BLANKS else self.delimiter
        text = self.delimiter.join(cells)
        rows = [line.split(mark) for line in _LINE_END.split(text)]
        if any(len(row) != len(self.cells) for row in rows):
            return False
        points: list[int] = []
        for place, usual in self._telling.items():
            found = [row[place] for row in rows]
            if not usual:
                points.append(all(map(is_number, found)))
            elif not any(map(_LINE_END.search, cells[place : place + 1])):
                points.append(2 * usual.issuperset(found))
        return bool(points) and all(points) and len(rows) + sum(points) > 3

    @functools.cached_property
    def _telling(self) -> dict[int, frozenset[str]]:
        """By its place, the texts of a column of few; none of numbers."""
        before, rows = 0, []
        with contextlib.closing(_records(self.path, self.form)) as records:
            for line, cells in itertools.islice(records, _USUAL_ROWS):
                if line == before + 1 and len(cells) == len(self.cells):
                    rows.append(cells)
                before = line
        found: dict[int, frozenset[str]] = {}
        for place, column in enumerate(zip(*rows[1:], strict=True)):
            texts = frozenset(column)
            if all(map(is_number, texts)):
                found[place] = frozenset()
            elif 2 * len(texts) <= len(column):
                found[place] = texts
        return found

    def _ragged(self, line: int, count: int) -> UserError:
        """Returns the refusal of a line that is no row of the table."""
        names = len(self.cells)
        if count < names:
            remedy = "complete it, or take it out if it is no row of the table"
        else:
            remedy = f"put quotes around text that holds {self.delimiter!r}"
        if names == 1 < count:
            remedy += ", or take out what stands above the columns' names"
        return UserError(
            f"{self.path}: line {line} has {count} cells and the header has"
            f" {names}; each row must have as many; {remedy}"
        )

    def _named(
        self, rows: list[tuple[int, list[str]]], asked: Collection[str]
    ) -> Block:
        """Returns rows of (line, cells) as a block of some columns."""
        nameless = self.cells.count(None)
        for line, cells in rows:
            if len(cells) != len(self.cells):
                raise self._ragged(line, len(cells))
            # The first rows ended in delimiters, as if that were all.
            for place in range(len(self.cells) - nameless, len(self.cells)):
                if cells[place].strip():
                    raise UserError(
                        f"{self.path}: line {line} has {cells[place][:40]!r} in"
                        f" column {place + 1}, which has no name; name the"
                        " column in the header, or empty it"
                    )
        columns = zip(*(cells for _, cells in rows), strict=True)
        named = dict(zip(self.cells, columns, strict=True))
        return Block(
            Places([line for line, _ in rows]),
            {name: named[name] for name in asked},
        )


def _below(found: Sequence[str]) -> str | None:
    """Says what the line below a header is, if it is no row."""
    there = [cell.strip().lower() for cell in found if cell.strip()]
    if len(there) < 2:
        return None
    if all(map(_RULE.fullmatch, there)):
        return "rules the header off"
    return "tells types" if all(map(_TYPE.fullmatch, there)) else None


def open_csv(path: Path) -> CsvFile:
    """Reads a file's header: the columns' names, and what parts them.

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
      UserError: it is no such file, or has no header.
    """
    with contextlib.closing(text_file.lines(path)) as lines:
        first = next(lines, "")
        separator = _SEPARATOR_LINE.fullmatch(first)
        names = next(lines, "") if separator else first
    skipped = 1 if separator else 0
    quote = "'" if _APOSTROPHES.fullmatch(names) else '"'
    samples = [
        _sample(path, Form(delimiter, skipped, quote=quote))
        for delimiter in ((separator[1],) if separator else DELIMITERS)
    ]
    best = max(samples, key=_fitness)  # the first of equal ones
    if not _fits(best) and any(
        "expected after" in str(sample.refusal) for sample in samples
    ):
        forms = [sample.form._replace(is_loose=True) for sample in samples]
        loose = max((_sample(path, form) for form in forms), key=_fitness)
        best = loose if _fits(loose) else best
    if not separator and not _fits(best):
        _check_title(path, first.strip(), samples)
    if not separator and _fits(best):
        _check_padded(path, best)
    if not separator and len(best.header) < 2:
        blanks = _sample(path, Form(BLANKS, skipped))
        best = blanks if _fits(blanks) else best
    if not best.header and best.refusal is not None:
        raise best.refusal
    settled = header.settle(
        path,
        best.header,
        best.rows,
        may_be_decimals=_may_be_decimals(path, best),
    )
    return CsvFile(
        path,
        tuple(
            name
            for name in settled.columns
            if name is not None and name not in settled.row_names
        ),
        settled.row_names,
        settled.notes,
        delimiter=best.form.delimiter,
        cells=settled.columns,
        numbered=settled.numbered,
        form=best.form,
    )


class _Sample(NamedTuple):
    """A file's start, as a form parts it; the refusal where it ends."""

    form: Form
    header: list[str]
    rows: list[list[str]]
    refusal: UserError | None


def _may_be_decimals(path: Path, sample: _Sample) -> bool:
    """Whether commas that make rows longer than the header may be decimals'.

    Digits alone follow those. Not where the first row begins with a quote, as
    R quotes names of rows.
    """
    is_longer = any(len(row) > len(sample.header) for row in sample.rows[:1])
    are_digits = all(
        row[1].strip().isdecimal() for row in sample.rows if row[1:]
    )
    if sample.form.delimiter != "," or not (is_longer and are_digits):
        return False
    with contextlib.closing(text_file.lines(path)) as lines:
        below = itertools.islice(lines, sample.form.skipped_lines + 1, None)
        return not next(below, "").lstrip().startswith(sample.form.quote)


def _sample(path: Path, form: Form) -> _Sample:
    found: list[list[str]] = []
    refusal = None
    try:
        for _, cells in _records(path, form, _SAMPLE_LINES):
            if not cells and found:
                continue
            found.append(cells)
            if len(found) > SAMPLE_ROWS:
                break
    except UserError as error:
        refusal = error
    cells, *rows = found or [[]]
    return _Sample(form, cells, rows, refusal)


def _fitness(sample: _Sample) -> tuple[bool, bool, float, int, float]:
    """Returns what tells the delimiter: of one that fits, by its cells.

    First whether the rows are as wide as the header, as most files' are.
    """
    count = len(sample.header)
    cells = [cell for row in sample.rows for cell in row]
    if not _fits(sample) or not cells:
        return _fits(sample), False, 0.0, count, 0.0
    numbers = [_NUMBER.fullmatch(cell) is not None for cell in cells]
    unparted = sum(
        not is_such and any(mark in cell for mark in DELIMITERS)
        for cell, is_such in zip(cells, numbers, strict=True)
    )
    share = len(cells)
    is_exact = len(sample.rows[0]) == count
    return True, is_exact, -unparted / share, count, sum(numbers) / share


def _fits(sample: _Sample) -> bool:
    """Whether a delimiter makes a table of the file's start."""
    count = len(sample.header)
    widths = {len(row) for row in sample.rows} or {count}
    width = max(widths)
    # R leaves the first column without a name, spreadsheets the last ones.
    return (
        count > 1
        and sample.refusal is None
        and len(widths) == 1
        and (
            width in (count, count + 1)
            or (width > count and header.is_blank(sample.rows, count))
        )
    )


def _check_title(path: Path, first: str, samples: Sequence[_Sample]) -> None:
    """Refuses what stands above the header: a title, or a comment.

    The line below it names columns then, of which one or more hold numbers.
    """
    for sample in samples:
        names, *rows = sample.rows or [[]]
        widths = {len(row) for row in sample.rows}
        if len(widths) != 1 or len(sample.header) >= len(names):
            continue
        if any(_NUMBER.fullmatch(name) or not name.strip() for name in names):
            continue
        if _have_numbers(rows):
            raise _title(path, first, "the line", names)


def _check_padded(path: Path, sample: _Sample) -> None:
    """Refuses a title that has as many cells as the rows, empty but for one.

    The first row without an empty cell names columns then.
    """
    title = [cell for cell in sample.header if cell.strip()]
    full = (all(map(str.strip, row)) for row in sample.rows)
    place = next(itertools.compress(itertools.count(), full), None)
    if len(title) == 1 and len(sample.header) > 2 and place is not None:
        names, *rows = sample.rows[place:]
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


def _records(
    path: Path, form: Form, stop: int | None = None
) -> Generator[tuple[int, list[str]]]:
    """Yields (line, cells) of the records above the stop-th line, or of all."""
    # A cell may fill the longest line; a program may have allowed more.
    limit = max(text_file.MAX_LINE_CHARACTERS, csv.field_size_limit())
    csv.field_size_limit(limit)
    skipped, is_blanks = form.skipped_lines, form.delimiter == BLANKS
    with contextlib.closing(text_file.lines(path)) as every:
        lines: Iterator[str] = itertools.islice(every, skipped, stop)
        if is_blanks or form.is_loose:
            lines = map(_squeezed if is_blanks else _closed_up, lines)
        reader = csv.reader(
            lines,
            delimiter="\t" if is_blanks else form.delimiter,
            quotechar=form.quote,
            skipinitialspace=True,
            strict=True,
        )
        try:
            for cells in reader:
                line = skipped + reader.line_num
                if len(cells) > _MOST_CELLS:
                    raise UserError(
                        f"{path}: line {line} has {len(cells):,} cells; a table"
                        f" has {header.MAX_COLUMNS:,} columns at most; save it"
                        " as .npy files"
                    )
                yield line, cells
        except csv.Error as error:
            remedy = "close each quote, and write a quote within quotes twice"
            if "field limit" in str(error):
                remedy = "close the cell's quote, or shorten the cell"
            raise UserError(
                f"{path}: line {skipped + reader.line_num} cannot be read"
                f" ({error}); {remedy}"
            ) from None


def _closed_up(line: str) -> str:
    """Takes blanks out between a quote that closes a cell and its end."""
    return re.sub(r"([\"']) +(?=[,;|\t]|\s*$)", r"\1", line)


def _squeezed(line: str) -> str:
    """Puts a tab wherever spaces stand, but within quotes."""
    parts = line.strip().split('"')
    parts[::2] = [re.sub(r"\s+", "\t", part) for part in parts[::2]]
    return '"'.join(parts) + "\n"
