"""A CSV file's columns as arrays: numbers, times, or texts by number.

A column is plain numbers if each of its cells is one, or missing. The file's
first block tells which seem to be; the file is read again where one turns out
to be something else. What other cells are is settled by all of them together.
"""

import dataclasses
import itertools
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.process.exits import UserError
from trainer.tables.column_gatherers import Cells
from trainer.tables.column_gatherers import Values
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import PLAIN
from trainer.tables.readings import PlainNumbers
from trainer.tables.readings import Reading
from trainer.tables.readings import Texts
from trainer.tables.table_column import TableColumn
from trainer.tables.table_file import TableFile


@dataclasses.dataclass(frozen=True)
class Table:
    """A file's columns.

    Attributes:
      path: of the file.
      rows: how many.
      columns: those that were asked for, by name, in the file's order.
      notes: what was made of the file, a line each, for people.
      unlabelled: rows without a label, which were left out.
      kept: int64 [rows], which rows of the file they are; None for all.
    """

    path: Path
    rows: int
    columns: Mapping[str, TableColumn]
    notes: tuple[str, ...] = ()
    unlabelled: int = 0
    kept: np.ndarray | None = None

    def with_labels(self, target: str) -> "Table":
        """Returns the table without the rows that have no label.

        As it is where the labels are no labels, or no row has one.
        """
        missing = self.columns[target].missing
        count = int(missing.sum())
        if self.columns[target].problem or count in (0, self.rows):
            return self
        rows = "row has" if count == 1 else "rows have"
        note = f"{count:,} {rows} no label ({target!r}), left out"
        return dataclasses.replace(
            self,
            rows=self.rows - count,
            columns={
                name: column
                if column.problem
                else dataclasses.replace(column, values=column.values[~missing])
                for name, column in self.columns.items()
            },
            notes=(*self.notes, note),
            unlabelled=count,
            kept=np.flatnonzero(~missing),
        )


def read(
    file: TableFile,
    names: Sequence[str],
    *,
    target: str,
    known: Mapping[str, Reading] | None = None,
    wishes: Mapping[str, str] | None = None,
    wide: Collection[str] = (),
) -> Table:
    """Reads columns of a file.

    Takes 4 bytes a cell, 8 for the target, times and numbers that float32 is
    too coarse for, and a block of the file's text.

    Args:
      file: whose header was read.
      names: of the columns to read.
      target: the one of them that is the label.
      known: how columns' cells are read; of others it is told from these.
      wishes: what config.data.read_as says of columns, where it does.
      wide: columns of known numbers that are held in 64 bits.

    Raises:
      UserError: a row cannot be read, or there is none.
    """
    wishes = dict.fromkeys(file.texts, "text") | dict(wishes or {})
    rows, columns = _settle(file, names, target, known or {}, wishes, wide)
    if not rows:
        raise UserError(
            f"{file.path} has a header and no rows; it must have 1 or more"
        )
    found = {name: column.finish() for name, column in columns.items()}
    if known is None:
        found |= _with_thousands(found, wishes, file.delimiter)
        found |= _without_points(found, wishes)
        found |= _with_months(found, wishes)
    for name in file.unfit.keys() & found.keys():
        found[name] = dataclasses.replace(found[name], problem=file.unfit[name])
    return Table(file.path, rows, found, file.notes).with_labels(target)


def _with_thousands(
    columns: Mapping[str, TableColumn],
    wishes: Mapping[str, str],
    delimiter: str,
) -> dict[str, TableColumn]:
    """Returns columns whose points may part thousands, as refused ones.

    Alone their points are before decimals. Not so where another has commas;
    nor where 950 stands beside 1.200, which decimals of a fixed width would
    not do, if columns are parted as where a comma is for decimals.
    """
    likely = {
        name: column
        for name, column in columns.items()
        if column.thousands and name not in wishes
    }
    if not likely:
        return {}
    commas, points = (
        [name for name, column in columns.items() if _has(column, mark)]
        for mark in ",."
    )
    if not commas and (points or delimiter != ";"):
        return {}
    where = f" where {commas[0]!r} has decimal commas" if commas else ""
    return {
        name: dataclasses.replace(
            column,
            problem=f"has {column.thousands!r}, which may be thousands or"
            f" decimals{where or f' beside {column.hundreds!r}'}",
            remedies=("decimal_point", "decimal_comma"),
        )
        for name, column in likely.items()
        if commas or column.hundreds
    }


def _without_points(
    columns: Mapping[str, TableColumn], wishes: Mapping[str, str]
) -> dict[str, TableColumn]:
    """Returns columns of whole numbers beside decimal commas.

    A point in their next rows may part thousands, of which they have none.
    """
    if not any(_has(column, ",") for column in columns.values()):
        return {}
    styles = {
        name: NumberStyle() if column.reading is PLAIN else column.reading
        for name, column in columns.items()
        if not column.problem and name not in wishes
    }
    return {
        name: dataclasses.replace(
            columns[name], reading=dataclasses.replace(style, group="?")
        )
        for name, style in styles.items()
        if isinstance(style, NumberStyle)
        and (style.decimal, style.group) == (".", "")
        and not (columns[name].values % 1 > 0).any()
    }


def _with_months(
    columns: Mapping[str, TableColumn], wishes: Mapping[str, str]
) -> dict[str, TableColumn]:
    """Returns columns of months such as 01.2024, which are decimals, too."""
    return {
        name: dataclasses.replace(
            column,
            problem=f"has {column.month!r}, which may be a month or a decimal",
            remedies=("decimal_point", "text"),
        )
        for name, column in columns.items()
        if column.month and name not in wishes
    }


def _has(column: TableColumn, mark: str) -> bool:
    """Whether a column of numbers surely has such a mark before decimals."""
    if mark == ",":
        style = column.reading
        return isinstance(style, NumberStyle) and style.decimal == ","
    is_number = isinstance(column.reading, PlainNumbers | NumberStyle)
    there = column.values[~column.missing] if is_number else np.empty(0)
    return not column.thousands and bool((there % 1 != 0).any())


def _known(reading: Reading, is_target: bool, is_wide: bool) -> Values | Cells:
    if isinstance(reading, Texts):
        return Cells(is_target, "", known=reading)
    return Values(reading, is_target, is_wide=is_wide)


def _settle(
    file: TableFile,
    names: Sequence[str],
    target: str,
    known: Mapping[str, Reading],
    wishes: Mapping[str, str],
    wide: Collection[str],
) -> tuple[int, dict[str, Values | Cells]]:
    """Reads columns, again where numbers turn out to be none, or too wide."""
    turned, wide = dict.fromkeys(wishes, ""), set(wide)
    unknown = [name for name in names if name not in known]

    def started(name: str) -> Values | Cells:
        is_target, is_wide = name == target, name in wide
        if name in known:
            return _known(known[name], is_target, is_wide)
        if name in turned:
            return Cells(
                is_target, turned[name], wishes.get(name), is_wide=is_wide
            )
        return Values(PLAIN, is_target, is_wide=is_wide)

    # The first block tells most of it.
    most_blocks = 1 if unknown else None
    while True:
        columns = {name: started(name) for name in names}
        rows = _gather(file, columns, most_blocks)
        left = {name: columns[name] for name in unknown}
        coarse = {name for name, column in left.items() if column.is_coarse}
        if most_blocks is None and not (_turned(left) or coarse):
            return rows, columns
        turned |= _turned(left)
        wide |= coarse
        most_blocks = None


def _gather(
    file: TableFile,
    columns: Mapping[str, Values | Cells],
    most_blocks: int | None,
) -> int:
    """Adds a file's cells to its columns; returns how many rows it has."""
    rows = 0
    fit = columns.keys() - file.unfit.keys()
    for block in itertools.islice(file.blocks(names=fit), most_blocks):
        count = len(block.places.numbers)
        rows += count
        for name, column in columns.items():
            # What is unfit is told with all else that forbids to train.
            column.add(block.columns.get(name, ("",) * count), block.places)
    return rows


def _turned(columns: Mapping[str, Values | Cells]) -> dict[str, str]:
    """Returns by column the first text of those that are not numbers."""
    return {n: c.text for n, c in columns.items() if c.text is not None}
