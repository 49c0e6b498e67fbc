"""Text files with a header, read block by block and held to their header.

What stands among the records and is no row is refused: those of another length,
headers that come again, rules, types, and rows that a quote made one.
"""

import contextlib
import dataclasses
import functools
import itertools
import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from trainer.process.exits import UserError
from trainer.tables import csv_form
from trainer.tables import header
from trainer.tables.cells import is_number
from trainer.tables.cells import plain
from trainer.tables.csv_records import BLANKS
from trainer.tables.csv_records import Form
from trainer.tables.csv_records import records_of
from trainer.tables.table_file import Block
from trainer.tables.table_file import BLOCK_CELLS
from trainer.tables.table_file import Places
from trainer.tables.table_file import TableFile

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
# Records that tell how a column's cells look.
_USUAL_ROWS = 1_000
_LINE_END = re.compile(r"\r\n?|\n")
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
        with contextlib.closing(records_of(self.path, self.form)) as records:
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
        with contextlib.closing(records_of(self.path, self.form)) as records:
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

    Args:
      path: text as `text_file.lines` takes it.

    Raises:
      UserError: it is no such file, or has no header.
    """
    start = csv_form.start_of(path)
    settled = header.settle(
        path,
        start.header,
        start.rows,
        may_be_decimals=csv_form.may_be_decimals(path, start),
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
        delimiter=start.form.delimiter,
        cells=settled.columns,
        numbered=settled.numbered,
        form=start.form,
    )
