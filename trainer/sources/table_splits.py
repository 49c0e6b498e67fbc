"""The tables of all splits: what forbids to train, then labels and features."""

import dataclasses
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.config import DataConfig
from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.tables import cells
from trainer.tables import fitting
from trainer.tables.column_choice import flag
from trainer.tables.csv_table import Table
from trainer.tables.encoding import Encoding
from trainer.tables.table_column import TableColumn

# Most bytes of all splits' features: they are held in memory.
MAX_BYTES = 8 * 2**30


@dataclasses.dataclass(frozen=True)
class Tables:
    """The tables of a folder, a split each, before they are encoded.

    Attributes:
      name: of the data, for people.
      target: the column of labels.
      tables: by split; the same columns in each.
      how_parted: what parts the columns of the training file.
      data: the config's section; without a weight that rows need not have.
      ignored: the columns that the config leaves out.
      read_as: how the config says that columns are read.
    """

    name: str
    target: str
    tables: Mapping[str, Table]
    how_parted: str
    data: DataConfig
    ignored: Sequence[str]
    read_as: Mapping[str, str]

    @property
    def beside(self) -> set[str]:
        """The columns that are neither features nor labels."""
        names = (self.data.group, self.data.order, self.data.weight)
        return {n for n in names if n is not None}

    @property
    def notes(self) -> tuple[str, ...]:
        """What was made of the files, a line each."""
        return (
            *(
                f"{table.path.name}: {note}"
                for table in self.tables.values()
                for note in table.notes
            ),
            *self._leaks(),
            *self._twins(),
        )

    def _twins(self) -> Iterator[str]:
        """Yields classes that are called alike but for capitals."""
        alike: dict[str, set[str]] = {}
        for table in self.tables.values():
            for name in table.columns[self.target].categories or ():
                alike.setdefault(name.casefold(), set()).add(name)
        several = [sorted(n) for n in alike.values() if len(n) > 1]
        twins = [repr(name) for names in several for name in names]
        if twins:
            yield (
                f"classes of {self.target!r} differ by case alone:"
                f" {some(twins, 6)}; write those alike that are one"
            )

    def _leaks(self) -> Iterator[str]:
        """Yields what files of other splits share of the training groups."""
        group = self.data.group
        if group is None:
            return
        known = _texts(self.tables["train"].columns[group])
        for split, table in self.tables.items():
            theirs = _texts(table.columns[group])
            if split != "train" and (shared := sorted(known & theirs)):
                yield (
                    f"WARNING: {table.path.name} has rows of {len(shared):,} of"
                    f" its {len(theirs):,} groups of {group!r} in training"
                    f" too, such as {shared[0]!r}: its score is too good; move"
                    " them to one side"
                )

    def problems(self) -> Iterator[tuple[Path, str, str]]:
        """Yields (path, column, problem) of what forbids to train."""
        for split, table in self.tables.items():
            for name, column in table.columns.items():
                problem = column.problem
                if column.left_out and not problem:
                    continue
                needed = split == "train" or name == self.target
                if needed and not problem and column.missing.all():
                    problem = "has no value in any row"
                if problem:
                    yield table.path, name, problem

    @property
    def lack(self) -> str | None:
        """Says that there is no feature beside the label, where it is so."""
        table = self.tables["train"]
        features = table.columns.keys() - {self.target} - self.beside
        if features:
            return None
        return (
            f"{table.path} has the columns {', '.join(table.columns)} to train"
            f" on, {self.how_parted}; it must have a label and one feature or"
            " more; part columns by comma, semicolon, tab or bar, and let the"
            " first line name them"
        )

    def check(self) -> None:
        """Checks that every column can be trained on.

        Raises:
          UserError: naming the first that cannot.
        """
        if self.lack is not None:
            raise UserError(self.lack)
        refused = list(self.problems())
        if not refused:
            return
        path, name, problem = refused[0]
        names = list(dict.fromkeys(name for _, name, _ in refused))
        named_by = {
            self.data.order: "order",
            self.data.weight: "weight",
            self.target: "target",
        }
        ways = [
            self._read_as(reading, names) for reading in self._remedies(name)
        ]
        settled = ways and f" say how it is read by {' or '.join(ways)},"
        remedy = (
            f"or name another by --config.data.{named_by[name]}"
            if name in named_by
            else "or leave it out by "
            + self._ignore(n for n in names if n not in named_by)
        )
        others = ", ".join(map(repr, names[1:6])) + ", ..." * (len(names) > 6)
        also = f"; refused, too: {others}" if others else ""
        raise UserError(
            f"{path}: column {name!r} {problem}{also}; correct it,"
            + (settled or "")
            + f" {remedy}"
        )

    def _remedies(self, name: str) -> list[str]:
        """Returns the readings that would settle a column."""
        needs_numbers = name in (self.data.order, self.data.weight)
        return [
            reading
            for reading in self.tables["train"].columns[name].remedies
            if reading != "text" or not needs_numbers
        ]

    def _read_as(self, reading: str, names: Iterable[str]) -> str:
        """Returns the flag that adds a reading of the columns that it settles.

        A flag replaces an earlier one, and so must hold what that said.
        """
        settled = [name for name in names if reading in self._remedies(name)]
        return self._readings(dict.fromkeys(settled, reading))

    def _readings(self, more: Mapping[str, str]) -> str:
        readings = {**self.read_as, **more}
        return flag("read_as", (f"{n}={how}" for n, how in readings.items()))

    def _ignore(self, names: Iterable[str]) -> str:
        """Returns the flag that leaves columns out beside the config's."""
        return flag("ignore", dict.fromkeys([*self.ignored, *names]))

    def without(self, names: Collection[str]) -> "Tables":
        """Returns the tables without some of their columns."""
        return dataclasses.replace(
            self,
            tables={
                split: dataclasses.replace(
                    table,
                    columns={
                        name: column
                        for name, column in table.columns.items()
                        if name not in names
                    },
                )
                for split, table in self.tables.items()
            },
        )

    def labelled(self) -> Dataset:
        """Returns the splits with labels and rows that are still empty."""
        labels, names = _labels(
            {k: t.columns[self.target] for k, t in self.tables.items()}
        )
        return Dataset(
            name=self.name,
            splits={
                split: Split(
                    np.empty((table.rows, 0), np.float32),
                    y,
                    groups=self._groups(table),
                    orders=self._orders(table),
                    weights=self._weights(table) if split == "train" else None,
                    kept=table.kept,
                )
                for (split, table), y in zip(
                    self.tables.items(), labels, strict=True
                )
            },
            kind="table",
            class_names=names,
            origin=f"your own table in {self.tables['train'].path}",
            notes=self.notes,
        )

    def _groups(self, table: Table) -> np.ndarray | None:
        """Returns the group of each row; rows without one are one each."""
        if self.data.group is None:
            return None
        column = table.columns[self.data.group]
        _, groups = np.unique(column.values, return_inverse=True)
        alone = np.flatnonzero(column.missing)
        groups[alone] = len(groups) + np.arange(len(alone))
        return groups

    def _orders(self, table: Table) -> np.ndarray | None:
        """Returns where each row stands in the order.

        Raises:
          UserError: a cell is missing, or is no number and no time.
        """
        if self.data.order is None:
            return None
        column = table.columns[self.data.order]
        where = f"{table.path}: column {self.data.order!r}"
        if column.categories is not None:
            raise UserError(
                f"{where} is config.data.order and does not hold numbers or"
                " times alone; name another, or write them in one form"
            )
        if column.missing.any():
            row = int(np.argmax(column.missing))
            row = row if table.kept is None else int(table.kept[row])
            raise UserError(
                f"{where} is config.data.order and lacks a value in row {row};"
                " each row must have one; correct it, or leave the row out"
            )
        _, ranks = np.unique(column.values, return_inverse=True)
        return ranks

    def _weights(self, table: Table) -> np.ndarray | None:
        """Returns what each row counts in the loss.

        Raises:
          UserError: one that cannot be.
        """
        if self.data.weight is None:
            return None
        column = table.columns[self.data.weight]
        where = f"{table.path}: column {self.data.weight!r}"
        if column.categories is not None or column.values.dtype.kind != "f":
            raise UserError(
                f"{where} is config.data.weight and holds no numbers; name"
                " another"
            )
        good = column.values >= 0  # a missing one is NaN
        if not good.all() or not column.values.any():
            rows = np.flatnonzero(~good)
            found = f"{column.values[rows[0]]}" if len(rows) else "0 alone"
            raise UserError(
                f"{where} is config.data.weight and holds {found}; each must be"
                " 0 or more, and some more than 0; correct it"
            )
        return column.values.astype(np.float64)

    def encode(self, dataset: Dataset, encoding: Encoding | None) -> Dataset:
        """Fills the rows of what `labelled` returned.

        Args:
          dataset: the same, after rows were held out.
          encoding: of an earlier run; None to settle it by the training rows.

        Raises:
          UserError: there is nothing to learn from, or too much to hold.
        """
        train = self.tables["train"]
        if encoding is None:
            features = {
                name: column
                for name, column in train.columns.items()
                if name not in self.beside
            }
            encoding = fitting.fit(
                features,
                target=self.target,
                rows=dataset.splits["train"].rows,
                heavy_tails=self.data.heavy_tails,
                rare_rows=self.data.rare_rows,
            )
        width = len(encoding.features)
        if not width:
            name, why = encoding.left_out[0]
            raise UserError(
                f"{train.path}: no column is left to learn {self.target!r}"
                f" from, since {name!r} {why}; if its texts are categories, say"
                f" so by {self._readings({name: 'text'})}"
            )
        rows = sum(table.rows for table in self.tables.values())
        if rows * width * 4 > MAX_BYTES:
            widest = max(encoding.columns, key=lambda c: len(c.features))
            raise UserError(
                f"{train.path} makes {rows} rows of {width} features,"
                f" {rows * width * 4} bytes; the most is {MAX_BYTES}; leave"
                f" columns out, such as {self._ignore([widest.name])}, or"
                " save it as .npy files, which are read piece by piece"
            )
        x = {
            split: encoding.encode_columns(
                table.columns, table.rows, where=str(table.path)
            )
            for split, table in self.tables.items()
        }
        splits = {
            split: dataclasses.replace(part, x=x.get(split, x["train"]))
            for split, part in dataset.splits.items()
        }
        return dataclasses.replace(
            dataset,
            splits=splits,
            encoding=encoding,
            notes=(*dataset.notes, *encoding.told),
        )


def _texts(column: TableColumn) -> set[str]:
    """Returns the different texts that a column's rows have."""
    assert column.categories is not None, "groups are read as texts"
    found = np.unique(column.values[~column.missing])
    return {column.categories[index] for index in found}


def _labels(
    columns: Mapping[str, TableColumn],
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Returns each split's labels, and the classes' names if they have any."""
    found = list(columns.values())
    if found[0].categories is not None:
        plain = [[cells.plain(t) for t in c.categories or ()] for c in found]
        names = sorted({name for each in plain for name in each})
        place = {name: index for index, name in enumerate(names)}
        lookups = [[place[name] for name in each] for each in plain]
        labels = [
            np.array(lookup, np.int64)[column.values]
            for lookup, column in zip(lookups, found, strict=True)
        ]
        return labels, tuple(names)
    values = [column.values for column in found]
    whole = all(c.is_whole for c in found) and all(
        np.abs(v).max() < cells.EXACT_WHOLE for v in values
    )
    return [v.astype(np.int64) if whole else v for v in values], ()
