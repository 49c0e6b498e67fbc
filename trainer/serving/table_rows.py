"""Rows of a table to predict from, and the cells that are kept beside them."""

import difflib
import itertools
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trainer.finished.trained_run import Layout
from trainer.process.exits import UserError
from trainer.serving import csv_numbers
from trainer.tables import cells
from trainer.tables.encoding import Encoding
from trainer.tables.encoding import file_blocks
from trainer.tables.opening import holds_text
from trainer.tables.opening import open_table
from trainer.tables.table_file import Block
from trainer.tables.table_file import TableFile

ALL = "all"


def nothing_kept() -> Iterator[tuple[str, ...]]:
    """Yields a row without cells, without end."""
    return itertools.repeat(())


class Rows(NamedTuple):
    """Rows that can be read, once or more.

    Attributes:
      name: of the file or array, for messages.
      total: how many, or None where only reading tells.
      blocks: from a number of rows to blocks of as many, [rows, *shape]; the
        last may have fewer. Raises UserError at a bad row.
      kept_names: of a table's columns that go beside the answers.
      kept: makes an iterator over the cells of these, a tuple a row.
      warnings: what may be wrong with its columns, a line each.
    """

    name: str
    total: int | None
    blocks: Callable[[int], Iterator[np.ndarray]]
    kept_names: tuple[str, ...] = ()
    kept: Callable[[], Iterator[tuple[str, ...]]] = nothing_kept
    warnings: tuple[str, ...] = ()


def open_rows(path: Path, layout: Layout, keep: str | None) -> Rows:
    """Opens a table of `opening.KINDS`.

    Args:
      path: of the file.
      layout: what the run takes.
      keep: names of columns, parted by commas, or "all"; None for the names
        that rows have, where they have some.

    Raises:
      UserError: it is no table, or has no such columns.
    """
    encoding = layout.encoding
    bare = encoding is None and keep is None and holds_text(path)
    if bare and not csv_numbers.has_row_names(path, layout.features):
        # Rows of arrays need no header, and NumPy reads them quicker.
        return Rows(
            str(path),
            None,
            lambda rows: csv_numbers.blocks(path, layout.features, rows),
        )
    return of_file(open_table(path), layout, keep)


def of_file(file: TableFile, layout: Layout, keep: str | None) -> Rows:
    """Takes the rows of a table whose header was read; see `open_rows`."""
    encoding = layout.encoding
    name, kept = str(file.path), _kept_names(file, keep)
    file.asked(kept)  # told before a row is answered
    if encoding is None:
        names = _features(file, layout, kept)
        rows = Rows(name, None, lambda count: _numbers(file, names, count))
    else:
        rows = Rows(
            name,
            None,
            lambda n: file_blocks(file, encoding, n),
            warnings=tuple(_unread_twins(file, encoding)),
        )
    if not kept:
        return rows
    return rows._replace(kept_names=kept, kept=lambda: _cells(file, kept))


def _unread_twins(file: TableFile, encoding: Encoding) -> Iterator[str]:
    """Yields columns that a run does not read, named as one that it does."""
    taken = {column.name for column in encoding.inputs}
    for new, name in file.numbered.items():
        if name in taken and new not in taken:
            yield (
                f"{file.path} has another column named {name!r}, which is not"
                " read: the first of that name is; take one of them out"
            )


def _kept_names(file: TableFile, keep: str | None) -> tuple[str, ...]:
    """Returns the columns to keep, the rows' names first."""
    own = file.row_names
    if keep is None:
        return own
    if keep == ALL:
        return file.columns
    names = [keep] if keep in file.columns else keep.split(",")
    for name in names:
        if name not in file.columns:
            near = difflib.get_close_matches(name, file.columns, 1, 0.0)
            raise UserError(
                f"--keep={keep}: {name!r} is no column of {file.path}; did you"
                f" mean {near[0]!r}?"
            )
    return tuple(dict.fromkeys((*own, *names)))


def _cells(
    file: TableFile, names: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    for block in file.blocks(names=names):
        yield from zip(*(block.columns[name] for name in names), strict=True)


def _features(
    file: TableFile, layout: Layout, kept: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns the columns that are a run's features, which have no names."""
    names = file.names
    if len(names) != layout.features:
        names = tuple(name for name in names if name not in kept)
    if len(names) != layout.features:
        raise UserError(
            f"{file.path} has {len(names)} columns to predict from, and the run"
            f" takes {layout.features}; take the others out, or keep them aside"
            " by --keep=NAME,NAME"
        )
    return names


def _numbers(
    file: TableFile, names: tuple[str, ...], block_rows: int
) -> Iterator[np.ndarray]:
    for block in file.blocks(block_rows, names):
        yield np.column_stack([_column(file, block, name) for name in names])


def _column(file: TableFile, block: Block, name: str) -> np.ndarray:
    texts, remedy = block.columns[name], "correct it"
    try:
        return cells.numbers(texts)
    except cells.BadCellError as error:
        at, rule = error.index, error.rule
    except ValueError:
        at, rule = cells.first_text(texts), "must be a number"
        if cells.are_whole(texts[at : at + 1]):
            rule = "must be a number that float64 does not round"
            remedy = "save such rows as .npy"
    raise UserError(
        f"{file.path}: {block.places.told(at)}, column {name!r} has"
        f" {texts[at][:40]!r} and {rule}; {remedy}"
    )
