"""How a table's cells become features: settled by training rows, kept as JSON.

A column of numbers is a feature, missing ones filled with the training rows'
median. A column of texts is a feature for each text of the training rows, 1
where a row has it and else 0: any other text is 0 in all of them. Where
training rows miss values, one more feature marks them.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.process.exits import UserError
from trainer.sources import cells
from trainer.sources.csv_table import TableColumn
from trainer.sources.opening import open_table

FORMAT = 1
# Indices of no category.
MISSING = -1
UNKNOWN = -2


@dataclasses.dataclass(frozen=True)
class Column:
    """How a column becomes features.

    Attributes:
      name: in the header.
      categories: texts of the training rows, sorted; None for numbers.
      marks_missing: whether a last feature is 1 where the value is missing.
      fill: stands for a missing number; float32's value.
    """

    name: str
    categories: tuple[str, ...] | None
    marks_missing: bool
    fill: float = 0.0

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the column's features."""
        texts = self.categories
        names = (
            (self.name,)
            if texts is None
            else tuple(f"{self.name}={text}" for text in texts)
        )
        return names + (f"{self.name} missing",) * self.marks_missing

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        """Writes the column's features.

        Args:
          values: [rows], numbers with NaN where missing, or indices of
            `categories`, MISSING or UNKNOWN.
          features: float32 [rows, features], written to.
        """
        if self.categories is None:
            missing = np.isnan(values)
            features[:, 0] = np.where(missing, np.float32(self.fill), values)
        else:
            missing = values == MISSING
            for index in range(len(self.categories)):
                features[:, index] = values == index
        if self.marks_missing:
            features[:, -1] = missing

    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Returns values for `write` of cells [rows].

        Raises:
          ValueError, BadCellError: as trainer.sources.cells.numbers does.
        """
        if self.categories is None:
            return cells.numbers(texts)
        place = {text: index for index, text in enumerate(self.categories)}
        return np.array(
            [
                MISSING
                if cells.is_missing(text)
                else place.get(text.strip(), UNKNOWN)
                for text in texts
            ],
            np.int32,
        )


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How a table's rows become features.

    Attributes:
      columns: in the order of their features.
      target: name of the column of labels.
      is_text_target: whether labels are names.
    """

    columns: tuple[Column, ...]
    target: str
    is_text_target: bool

    @property
    def features(self) -> tuple[str, ...]:
        """A name for each feature."""
        return tuple(name for c in self.columns for name in c.features)

    @property
    def text_columns(self) -> frozenset[str]:
        """Names of the columns of texts, the target's too."""
        texts = {c.name for c in self.columns if c.categories is not None}
        if self.is_text_target:
            texts.add(self.target)
        return frozenset(texts)

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_json` takes: dicts, lists, texts and numbers."""
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, value: Any) -> "Encoding":
        """Returns the encoding that `to_json` told.

        Raises:
          UserError: it told something else.
        """
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"format {value['format']!r}")
            columns = tuple(_column(**column) for column in value["columns"])
            encoding = cls(
                columns, str(value["target"]), bool(value["is_text_target"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(
                f"the run's encoding is not of this version ({error});"
                " restore it, or train again in another --workdir"
            ) from None
        return encoding

    def encode(
        self,
        texts: Mapping[str, Sequence[str]],
        *,
        where: str = "rows",
        lines: Sequence[int] | None = None,
    ) -> np.ndarray:
        """Encodes rows of a table.

        Args:
          texts: a column's cells [rows] by its name; further columns are not
            looked at.
          where: the rows' file, for messages.
          lines: the line of each row in it; None to count rows from 0.

        Returns:
          float32 [rows, features].

        Raises:
          UserError: a column is missing, or holds text and should be numbers.
        """
        lack = [c.name for c in self.columns if c.name not in texts]
        if lack:
            raise UserError(
                f"{where} lacks the column {lack[0]!r}; it must have those that"
                " the run was trained on, in any order; add it"
            )
        rows = len(texts[self.columns[0].name])
        features = np.empty((rows, len(self.features)), np.float32)
        start = 0
        for column in self.columns:
            stop = start + len(column.features)
            found = texts[column.name]
            try:
                column.write(column.read(found), features[:, start:stop])
            except (ValueError, cells.BadCellError) as error:
                raise _refusal(column, found, error, where, lines) from None
            start = stop
        return features

    def encode_columns(
        self, columns: Mapping[str, TableColumn], rows: int
    ) -> np.ndarray:
        """Encodes a table that was read; returns float32 [rows, features]."""
        features = np.empty((rows, len(self.features)), np.float32)
        start = 0
        for column in self.columns:
            stop = start + len(column.features)
            column.write(
                _in_terms_of(column, columns[column.name]),
                features[:, start:stop],
            )
            start = stop
        return features


def _column(
    name: str,
    categories: list[str] | None,
    marks_missing: bool,
    fill: float,
) -> Column:
    texts = None if categories is None else tuple(map(str, categories))
    return Column(str(name), texts, bool(marks_missing), float(fill))


def _refusal(
    column: Column,
    texts: Sequence[str],
    error: Exception,
    where: str,
    lines: Sequence[int] | None,
) -> UserError:
    if isinstance(error, cells.BadCellError):
        index, rule = error.index, error.rule
    else:
        index, rule = cells.first_text(texts), "must be a number"
    row = f"row {index}" if lines is None else f"line {lines[index]}"
    return UserError(
        f"{where}: {row}, column {column.name!r} has {texts[index][:40]!r} and"
        f" {rule}; correct it, or leave it empty"
    )


def _in_terms_of(column: Column, found: TableColumn) -> np.ndarray:
    """Returns a read column's values, categories by the encoding's index."""
    if column.categories is None or not found.categories:
        return found.values
    place = {text: index for index, text in enumerate(column.categories)}
    # The last is that of index -1.
    lookup = [place.get(text, UNKNOWN) for text in found.categories]
    return np.array([*lookup, MISSING], np.int32)[found.values]


def fit(
    columns: Mapping[str, TableColumn],
    *,
    target: str,
    rows: np.ndarray | None,
) -> Encoding:
    """Settles how columns become features, from the training rows alone.

    Args:
      columns: of the file that holds the training rows.
      target: which of them is the label.
      rows: int64, the training rows; None for all.

    Raises:
      UserError: the training rows of a column are all missing.
    """
    return Encoding(
        tuple(
            _fit(name, column, slice(None) if rows is None else rows)
            for name, column in columns.items()
            if name != target
        ),
        target,
        columns[target].categories is not None,
    )


def _fit(name: str, column: TableColumn, rows: np.ndarray | slice) -> Column:
    values, missing = column.values[rows], column.missing[rows]
    there = values[~missing]
    if not len(there):
        raise UserError(
            f"column {name!r} has no value in any training row; fill it in, or"
            f" leave it out by --config.data.ignore={name}"
        )
    if column.categories is None:
        fill = np.float32(np.median(there.astype(np.float64)))
        return Column(name, None, bool(missing.any()), float(fill))
    texts = tuple(column.categories[index] for index in np.unique(there))
    return Column(name, texts, bool(missing.any()))


def table_blocks(
    path: Path, encoding: Encoding, block_rows: int
) -> Iterator[np.ndarray]:
    """Yields a table's rows, float32 [block_rows or fewer, features].

    Args:
      path: of a file with a header, of any size.
      encoding: of the run.
      block_rows: rows of a block.

    Raises:
      UserError: a row cannot be taken, after the blocks before.
    """
    held: list[np.ndarray] = []
    for block in open_table(path).blocks():
        held.append(
            encoding.encode(block.columns, where=str(path), lines=block.lines)
        )
        while sum(map(len, held)) >= block_rows:
            joined = np.concatenate(held)
            yield joined[:block_rows]
            held = [joined[block_rows:]]
    if any(map(len, held)):
        yield np.concatenate(held)
