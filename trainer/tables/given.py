"""A program's own arrays and data frames, which stand for files."""

import dataclasses
import re
import reprlib
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.tables import arrow_file
from trainer.tables import header
from trainer.tables.cell_text import text_of
from trainer.tables.table_file import Block
from trainer.tables.table_file import BLOCK_CELLS
from trainer.tables.table_file import Places
from trainer.tables.table_file import TableFile

# How pandas, polars and pyarrow call a column of categories.
_CATEGORIES = ("category", "Categorical", "Enum", "dictionary")
TARGET = "target"
# How columns list their own cells.
_OWN_LISTS = ("to_pylist", "tolist", "to_list")
# They can be listed: as letters, as names, or in any order.
_NO_LISTS = (str, bytes, Mapping, set, frozenset)


@dataclasses.dataclass(frozen=True)
class Given:
    """What a program hands over.

    Attributes:
      arrays: by `files.KEYS`; {} where there are tables.
      tables: by split; {} where there are arrays.
    """

    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    tables: Mapping[str, TableFile] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class FrameTable(TableFile):
    """A data frame, whose cells are told as a CSV file would hold them.

    Attributes:
      values: each column's, by its name.
    """

    values: Mapping[str, Sequence[Any]] = dataclasses.field(
        default_factory=dict
    )

    @property
    def how_parted(self) -> str:
        return "by its columns"

    def blocks(
        self,
        block_rows: int | None = None,
        names: Collection[str] | None = None,
    ) -> Iterator[Block]:
        """Yields as `TableFile.blocks`; rows are counted from 0."""
        asked = self.asked(names)
        rows = len(self.values[self.columns[0]])
        size = block_rows or max(BLOCK_CELLS // len(self.columns), 1)
        for start in range(0, rows, size):
            stop = min(start + size, rows)
            yield Block(
                Places(range(start, stop), "row"),
                {name: self._texts(name, start, stop) for name in asked},
            )

    def _texts(self, name: str, start: int, stop: int) -> tuple[str, ...]:
        """Returns a column's cells as a CSV file would hold them."""
        found = []
        for row, value in enumerate(self.values[name][start:stop], start):
            try:
                found.append(text_of(value))
            except (TypeError, UnicodeDecodeError):
                kind = type(value).__name__
                raise UserError(
                    f"{self.path}: row {row}, column {name!r} has"
                    f" {reprlib.repr(value)[:40]} ({kind}) and must have one"
                    " number, text (bytes in UTF-8) or time; write it as such,"
                    " or leave the column out"
                ) from None
        return tuple(found)


def as_array(name: str, values: Any) -> np.ndarray:
    """Returns what a program hands over as an array in C's order.

    Args:
      name: of it, for messages.
      values: an array, or nested lists.

    Raises:
      UserError: its rows are of several lengths, or values are masked, or it
        is sparse.
    """
    check_unmasked(name, values)
    if hasattr(values, "toarray"):
        raise UserError(
            f"{name} is a {type(values).__name__}, which is sparse; rows must"
            " be dense; give what its toarray() returns"
        )
    try:
        # Of a data frame's, often a column stands in one piece and no row does.
        return np.asarray(values, order="C")
    except ValueError as error:
        raise UserError(
            f"{name} is no array ({error}); give rows of equal length"
        ) from None


def check_unmasked(name: str, values: Any) -> None:
    """Refuses masked arrays whose mask NumPy would drop.

    Raises:
      UserError: a value is masked.
    """
    rows = values if isinstance(values, list | tuple) else [values]
    if any(map(np.ma.is_masked, rows)):
        raise UserError(
            f"{name} has masked values, and an array has no gaps; fill them in"
            " or leave their rows out, or give columns, whose gaps are missing"
            " cells"
        )


def is_frame(data: Any) -> bool:
    """Whether data has named columns: a data frame, or a dict of columns."""
    return isinstance(data, Mapping) or (
        hasattr(data, "columns") and hasattr(data, "__getitem__")
    )


def of_frame(
    name: str, frame: Any, label: Any = None, called: str | None = None
) -> FrameTable:
    """Takes a frame of pandas or polars, pyarrow's table, or a dict of columns.

    Args:
      name: of it, for messages.
      frame: whose columns are taken by their names; an index is left aside.
      label: a column more, or a frame of one; None for none.
      called: the label's name; None for "target", numbered where there is one.

    Raises:
      UserError: it has no columns, columns that are no lists, columns of
        several lengths, or one that is called as the label is; or label has
        several columns.
    """
    columns = [(str(key), frame[key]) for key in _keys(name, frame)]
    if label is not None:
        _, cells = label_of(name, label)
        if any(key == called for key, _ in columns):
            raise UserError(
                f"{name}: x has the column {called!r}, as which y is called,"
                " too; drop it from x, or give y another name"
            )
        columns.append((TARGET if called is None else called, cells))
    settled = header.settle(Path(name), [key for key, _ in columns], None)
    named = dict(
        zip(
            (str(column) for column in settled.columns),
            (column for _, column in columns),
            strict=True,
        )
    )
    values = {key: _listed(name, key, column) for key, column in named.items()}
    _check_lengths(name, values)
    return FrameTable(
        Path(name),
        tuple(n for n in values if n not in settled.row_names),
        settled.row_names,
        settled.notes,
        frozenset(n for n, column in named.items() if _is_category(column)),
        values=values,
    )


def label_of(name: str, label: Any) -> tuple[str | None, Any]:
    """Returns a label's own name, if any, and its cells.

    Args:
      name: of the rows, for messages.
      label: values of a row each, or a frame of one column.

    Raises:
      UserError: the frame has several.
    """
    if is_frame(label):
        key, *more = _keys(f"y of {name}", label)
        if more:
            names = some([repr(str(each)) for each in (key, *more)], 5)
            raise UserError(
                f"y of {name} has {len(more) + 1} columns, {names}; rows of a"
                f" data frame have one label, such as y[{key!r}]"
            )
        return str(key), label[key]
    own = getattr(label, "name", None)
    return None if own is None else str(own), label


def _keys(name: str, frame: Any) -> list[Any]:
    if isinstance(frame, Mapping):
        keys = list(frame)
    elif hasattr(type(frame), "column_names"):
        keys = frame.column_names  # pyarrow's columns are these themselves
    else:
        keys = list(frame.columns)
    if not keys:
        raise UserError(f"{name} has no columns; give it one or more")
    if len(set(keys)) != len(keys):
        again = next(key for key in keys if keys.count(key) > 1)
        raise UserError(
            f"{name} has two columns named {again!r}; rename one of them"
        )
    return keys


def _listed(name: str, key: str, column: Any) -> list[Any]:
    """Returns a column's cells as Python's own values.

    Raises:
      UserError: it is no list of cells.
    """
    column = _flat(column)
    if isinstance(column, np.ndarray) and column.dtype.kind in "mM":
        unit, _ = np.datetime_data(column.dtype)
        if unit in ("ns", "ps", "fs", "as"):
            # Python has none so fine, and gets their count.
            column = column.astype(f"{column.dtype.kind}8[us]")
    if hasattr(column, "to_pylist"):  # pyarrow's
        where = f"{name}: column {key!r}"
        return arrow_file.values(where, arrow_file.whole_times(column))
    own = [getattr(column, name, None) for name in _OWN_LISTS]
    tolist = next(filter(None, own), None)
    found = column if tolist is None else tolist()
    if isinstance(found, _NO_LISTS) or not isinstance(found, Iterable):
        raise UserError(
            f"{name}: column {key!r} is {reprlib.repr(column)} and must be a"
            " list of cells, as every column is; of a single row give a cell"
            " for each"
        )
    return list(found)


def _flat(column: Any) -> Any:
    """Returns a column of an array [rows, 1], and a tensor as an array."""
    if not hasattr(column, "__array__"):
        return column
    shape: tuple[int, ...] = getattr(column, "shape", ())
    if len(shape) == 2 and shape[1] == 1:
        return np.asarray(column)[:, 0]
    is_listed = any(hasattr(column, name) for name in _OWN_LISTS)
    return column if is_listed else np.asarray(column)


def _is_category(column: Any) -> bool:
    kind = getattr(column, "dtype", getattr(column, "type", ""))
    return re.split("[(<]", str(kind))[0] in _CATEGORIES


def _check_lengths(name: str, values: Mapping[str, Sequence[Any]]) -> None:
    first = next(iter(values))
    for key, cells in values.items():
        if len(cells) != len(values[first]):
            raise UserError(
                f"{name}: column {key!r} has {len(cells)} rows and {first!r}"
                f" has {len(values[first])}; they must be equal"
            )
