"""How a table's cells become features: settled by `fitting`, kept as JSON.

A column is of a kind, a class each: numbers, categories, times. What nothing
is learnt from is left out, and told.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.process.exits import UserError
from trainer.tables import category_column
from trainer.tables import cells
from trainer.tables import number_column
from trainer.tables import time_column
from trainer.tables.category_column import CategoryColumn
from trainer.tables.column import Column
from trainer.tables.column import placed
from trainer.tables.number_column import NumberColumn
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import EARLIER_TEXTS
from trainer.tables.readings import PLAIN
from trainer.tables.readings import PLAIN_TEXTS
from trainer.tables.readings import Reading
from trainer.tables.readings import TEXTS
from trainer.tables.readings import Texts
from trainer.tables.table_column import TableColumn
from trainer.tables.table_file import Places
from trainer.tables.table_file import TableFile
from trainer.tables.time_column import TimeColumn

FORMAT = 1
_FROM_JSON = {
    number_column.KIND: NumberColumn.from_json,
    category_column.KIND: CategoryColumn.from_json,
    time_column.KIND: TimeColumn.from_json,
}


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How a table's rows become features.

    Attributes:
      columns: in the order of their features.
      target: name of the column of labels.
      is_text_target: whether labels are names.
      target_style: how people wrote labels that are numbers; None for plainly.
      left_out: (name, why) of columns that nothing is learnt from.
      others: of the same table by other training rows; their features follow.
      reads_alike: as of `CategoryColumn`, of labels and groups that are texts.
      spells_alike: whether of these 1.0 is 1 wherever it stands, and a typed
        date the text of it; not so in runs of earlier versions.
    """

    columns: tuple[Column, ...]
    target: str
    is_text_target: bool
    target_style: NumberStyle | None = None
    left_out: tuple[tuple[str, str], ...] = ()
    others: tuple["Encoding", ...] = ()
    reads_alike: bool = False
    spells_alike: bool = False

    @property
    def all_columns(self) -> tuple[Column, ...]:
        """Those of the others, too, in the order of their features."""
        further = (c for other in self.others for c in other.columns)
        return (*self.columns, *further)

    @property
    def inputs(self) -> tuple[Column, ...]:
        """A column for each name, in the order in which cells are handed in."""
        named: dict[str, Column] = {}
        for column in self.all_columns:
            named.setdefault(column.name, column)
        return tuple(named.values())

    @property
    def features(self) -> tuple[str, ...]:
        """A name for each feature."""
        return tuple(name for c in self.all_columns for name in c.features)

    @property
    def readings(self) -> dict[str, Reading]:
        """How each column's cells are read, the target's too."""
        plain = self.target_style or PLAIN
        target = self.texts if self.is_text_target else plain
        return {c.name: c.reading for c in self.inputs} | {self.target: target}

    @property
    def texts(self) -> Texts:
        """How texts are read that are no features."""
        if self.spells_alike:
            return TEXTS
        return PLAIN_TEXTS if self.reads_alike else EARLIER_TEXTS

    @property
    def wide(self) -> frozenset[str]:
        """Columns whose numbers are held in 64 bits until they are centred."""
        numbers = [c for c in self.all_columns if isinstance(c, NumberColumn)]
        return frozenset(c.name for c in numbers if c.origin)

    @property
    def told(self) -> tuple[str, ...]:
        """What a reader should know of how columns are read, a line each."""
        lines = [column.told for column in self.columns]
        style = self.target_style
        if style is not None and not style.is_plain:
            lines.append(f"{self.target!r} is read as {style.told}")
        lines += [f"{name!r} is left out: {why}" for name, why in self.left_out]
        return tuple(line for line in lines if line is not None)

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_json` takes: dicts, lists, texts and numbers."""
        found: dict[str, Any] = {
            "format": FORMAT,
            "columns": [column.to_json() for column in self.columns],
            "target": self.target,
            "is_text_target": self.is_text_target,
        }
        if self.reads_alike:
            found["reads_alike"] = True
        if self.spells_alike:
            found["spells_alike"] = True
        if self.target_style is not None:
            found["target_style"] = self.target_style.to_json()
        if self.left_out:
            found["left_out"] = [list(column) for column in self.left_out]
        if self.others:
            found["others"] = [other.to_json() for other in self.others]
        return found

    @classmethod
    def from_json(cls, value: Any) -> "Encoding":
        """Returns the encoding that `to_json` told.

        Raises:
          UserError: it told something else.
        """
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"format {value['format']!r}")
            style = value.get("target_style")
            return cls(
                tuple(map(_column, value["columns"])),
                str(value["target"]),
                bool(value["is_text_target"]),
                None if style is None else NumberStyle.from_json(style),
                tuple((str(n), str(w)) for n, w in value.get("left_out", ())),
                tuple(map(cls.from_json, value.get("others", ()))),
                bool(value.get("reads_alike", False)),
                bool(value.get("spells_alike", False)),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"the run's encoding is not of this version ({error});"
                " restore it, or train again in another --workdir"
            ) from None

    def encode(
        self,
        texts: Mapping[str, Sequence[str]],
        *,
        where: str = "rows",
        places: Places | None = None,
    ) -> np.ndarray:
        """Encodes rows of a table.

        Args:
          texts: a column's cells [rows] by its name; further columns are not
            looked at.
          where: the rows' file, for messages.
          places: of the rows in it; None to count them from 0.

        Returns:
          float32 [rows, features].

        Raises:
          UserError: a column is missing, or holds text and should be numbers.
        """
        lack = [c.name for c in self.all_columns if c.name not in texts]
        if lack:
            raise UserError(
                f"{where} lacks the column {lack[0]!r}; it must have those that"
                " the run was trained on, in any order; add it"
            )
        rows = len(texts[self.columns[0].name])
        features = np.empty((rows, len(self.features)), np.float32)
        for column, place in placed(self.all_columns):
            found = texts[column.name]
            try:
                column.write(column.read(found), features[:, place])
            except (ValueError, cells.BadCellError) as error:
                raise _refusal(
                    column,
                    found,
                    error,
                    where,
                    places or Places(range(rows), "row"),
                ) from None
        return features

    def encode_columns(
        self,
        columns: Mapping[str, TableColumn],
        rows: int,
        *,
        where: str = "rows",
    ) -> np.ndarray:
        """Encodes a table that was read.

        Args:
          columns: by their names, of `rows` rows.
          rows: how many.
          where: their file, for messages.

        Returns:
          float32 [rows, features].

        Raises:
          UserError: a column holds truths, and should be texts.
        """
        features = np.empty((rows, len(self.features)), np.float32)
        for column, place in placed(self.all_columns):
            found = columns[column.name]
            try:
                values = column.values_of(found)
            except cells.BadCellError as error:
                text = (found.categories or ())[error.index]
                raise UserError(
                    f"{where}: column {column.name!r} has {text!r} and"
                    f" {error.rule}; correct it, or leave it empty"
                ) from None
            column.write(values, features[:, place])
        return features


def _column(value: dict[str, Any]) -> Column:
    # The first versions had two kinds, and named none.
    old = "number" if value.get("categories") is None else "category"
    return _FROM_JSON[value.get("kind", old)](value)


def _refusal(
    column: Column,
    texts: Sequence[str],
    error: Exception,
    where: str,
    places: Places,
) -> UserError:
    if isinstance(error, cells.BadCellError):
        index, rule = error.index, error.rule
    else:
        index, rule = cells.first_text(texts), "must be a number"
    return UserError(
        f"{where}: {places.told(index)}, column {column.name!r} has"
        f" {texts[index][:40]!r} and {rule}; correct it, or leave it empty"
    )


def file_blocks(
    file: TableFile, encoding: Encoding, block_rows: int
) -> Iterator[np.ndarray]:
    """Yields a table's rows, float32 [block_rows or fewer, features].

    Args:
      file: of any size, whose header was read.
      encoding: of the run.
      block_rows: rows of a block.

    Raises:
      UserError: a column cannot be read; or a row, after the blocks before.
    """
    where, held = str(file.path), list[np.ndarray]()
    names = {column.name for column in encoding.inputs}
    for block in file.blocks(names=names):
        held.append(
            encoding.encode(block.columns, where=where, places=block.places)
        )
        while sum(map(len, held)) >= block_rows:
            joined = np.concatenate(held)
            yield joined[:block_rows]
            held = [joined[block_rows:]]
    if any(map(len, held)):
        yield np.concatenate(held)
