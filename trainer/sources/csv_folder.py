"""The user's own tables: one CSV file, or one a split, in --data_dir."""

import dataclasses
import difflib
import re
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.sources import encoding as encoding_lib
from trainer.sources import opening
from trainer.sources.csv_table import read
from trainer.sources.csv_table import Table
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.sources.encoding import Encoding
from trainer.sources.folder import list_folder
from trainer.sources.folder import path_of
from trainer.sources.labels import plain_name
from trainer.sources.readings import Reading
from trainer.sources.splits import SPLITS
from trainer.sources.table_column import TableColumn
from trainer.sources.table_file import TableFile

# Most bytes of all splits' features: they are held in memory.
MAX_BYTES = 8 * 2**30
EXACT_WHOLE = 2**53
# What config.data.read_as may say of a column.
READ_AS = (
    *("text", "decimal_point", "decimal_comma"),
    *("day_first", "month_first", "year_first"),
)


def find_tables(data_dir: str) -> dict[str, Path]:
    """Finds the tables that --data_dir means, by their split.

    Args:
      data_dir: a file of `opening.KINDS`; or a folder of one of any name, or of
        train.csv and, where there is such a split, test.csv and validation.csv,
        each with the ending of its kind. A folder's .txt files are tables where
        it holds nothing else.

    Returns:
      {"train": path, ...}, or {} where there is no table.

    Raises:
      UserError: there is no such folder, or it is unclear what is meant.
    """
    path = path_of(data_dir)
    if path.is_file() or (opening.is_table(path.name) and not path.is_dir()):
        return _named_itself(path)
    paths = list_folder(data_dir)
    found = _tables_among(paths)
    others = [n for n in paths if n.endswith((".npz", ".npy"))]
    if found and others:
        raise UserError(
            f"--data_dir={data_dir} holds {found[0].name} and {others[0]}; it"
            " must hold tables or arrays, not both; name the table's file"
            " itself, or move one away"
        )
    named = {
        split: path
        for split in SPLITS
        for path in found
        if opening.stem(path.name).lower() == split
    }
    if ("train" in named and not _twice(found)) or not found:
        return named
    if len(found) > 1 or named:
        names = ", ".join(path.name for path in found[:4])
        lack = "" if "train" in named else " and lacks train.csv"
        raise UserError(
            f"--data_dir={data_dir} holds {names}{lack}; it must hold one"
            " table, or train.csv and others named test.csv and"
            " validation.csv, one each; rename them, or name one file itself"
        )
    return {"train": found[0]}


def _named_itself(path: Path) -> dict[str, Path]:
    """Takes a file for the table that it is, or for a part of arrays."""
    if opening.is_table(path.name):
        return {"train": path}
    if path.suffix in (".npz", ".npy") or "ubyte" in path.name:
        return {}
    opening.refuse_kind(path)
    raise UserError(
        f"--data_dir={path} is of no kind that is read; these are"
        f" {opening.KINDS}, and folders of them or of arrays; if it is one of"
        " them, rename it"
    )


def _tables_among(paths: Mapping[str, Path]) -> list[Path]:
    """Returns the tables of a folder's files, by their names."""
    sure = [p for name, p in paths.items() if opening.is_surely_table(name)]
    likely = [p for name, p in paths.items() if opening.is_table(name)]
    notes = [name for name in paths if name.lower().endswith(".md")]
    return sure or (likely if len(likely) + len(notes) == len(paths) else [])


def _twice(paths: list[Path]) -> bool:
    """Whether two files are of one split."""
    stems = [opening.stem(path.name).lower() for path in paths]
    return any(stems.count(split) > 1 for split in SPLITS)


@dataclasses.dataclass(frozen=True)
class Tables:
    """The tables of a folder, a split each, before they are encoded.

    Attributes:
      name: of the data, for people.
      target: the column of labels.
      tables: by split; the same columns in each.
      how_parted: what parts the columns of the training file.
      group: the column that names groups of rows, which is no feature; or
        None.
      heavy_tails: what becomes of numbers of heavy tails, as the config says.
    """

    name: str
    target: str
    tables: Mapping[str, Table]
    how_parted: str
    group: str | None = None
    heavy_tails: str = "none"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was made of the files, a line each."""
        return tuple(
            f"{table.path.name}: {note}"
            for table in self.tables.values()
            for note in table.notes
        )

    def problems(self) -> Iterator[tuple[Path, str, str]]:
        """Yields (path, column, problem) of what forbids to train."""
        for split, table in self.tables.items():
            for name, column in table.columns.items():
                problem = column.problem
                if name == self.group:
                    problem = problem or column.left_out
                elif column.left_out and not problem:
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
        features = table.columns.keys() - {self.target, self.group}
        if features:
            return None
        return (
            f"{table.path} has the columns {', '.join(table.columns)} to train"
            f" on, {self.how_parted}; it must have a label and one feature or"
            " more; part columns by comma, semicolon, tab or bar"
        )

    def check(self) -> None:
        """Checks that every column can be trained on.

        Raises:
          UserError: naming the first that cannot.
        """
        if self.lack is not None:
            raise UserError(self.lack)
        for path, name, problem in self.problems():
            column = self.tables["train"].columns[name]
            ways = [
                _flag("read_as", f"{name}={reading}")
                for reading in column.remedies
            ]
            settled = ways and f" say how it is read by {' or '.join(ways)},"
            remedy = (
                "or name another by --config.data.target"
                if name == self.target
                else f"or leave it out by {_flag('ignore', name)}"
            )
            raise UserError(
                f"{path}: column {name!r} {problem}; correct it,"
                + (settled or "")
                + f" {remedy}"
            )

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
        if self.group is None:
            return None
        column = table.columns[self.group]
        _, groups = np.unique(column.values, return_inverse=True)
        alone = np.flatnonzero(column.missing)
        groups[alone] = len(groups) + np.arange(len(alone))
        return groups

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
                if name != self.group
            }
            encoding = encoding_lib.fit(
                features,
                target=self.target,
                rows=dataset.splits["train"].rows,
                heavy_tails=self.heavy_tails,
            )
        width = len(encoding.features)
        if not width:
            name, why = encoding.left_out[0]
            raise UserError(
                f"{train.path}: no column is left to learn {self.target!r}"
                f" from, since {name!r} {why}; if its texts are categories, say"
                f" so by {_flag('read_as', f'{name}=text')}"
            )
        rows = sum(table.rows for table in self.tables.values())
        if rows * width * 4 > MAX_BYTES:
            widest = max(encoding.columns, key=lambda c: len(c.features))
            raise UserError(
                f"{train.path} makes {rows} rows of {width} features,"
                f" {rows * width * 4} bytes; the most is {MAX_BYTES}; leave"
                f" columns out, such as {_flag('ignore', widest.name)}, or"
                " save it as .npy files, which are read piece by piece"
            )
        x = {
            split: encoding.encode_columns(table.columns, table.rows)
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


def read_tables(
    files: Mapping[str, TableFile],
    data: DataConfig,
    encoding: Encoding | None = None,
) -> Tables:
    """Reads the columns that are trained on from the files of all splits.

    How columns are read is settled by the training file.

    Args:
      files: of all splits, whose headers were read.
      data: the config's section.
      encoding: of an earlier run, whose columns are read; None for all but
        those that the config ignores.

    Raises:
      UserError: a file cannot be read, or has no such column.
    """
    train = files["train"]
    known: Mapping[str, Reading] | None = None
    wishes: dict[str, str] = {}
    wide: frozenset[str] = frozenset()
    if encoding is None:
        names = _chosen(train, data)
        target = data.target or names[-1]
        wishes = _wishes(train, data)
    else:
        names = [*(c.name for c in encoding.columns), encoding.target]
        target = encoding.target
        known, wide = encoding.readings, encoding.wide
        if data.group is not None:
            _check_columns(train, [data.group, target])
            pair = read(train, [data.group, target], target=target)
            known = {**known, data.group: pair.columns[data.group].reading}
            names.append(data.group)
    tables = {}
    for split in sorted(files, key=SPLITS.index):
        _check_columns(files[split], names)
        tables[split] = read(
            files[split],
            names,
            target=target,
            known=known,
            wishes=wishes,
            wide=wide,
        )
        columns = tables["train"].columns
        known = {name: column.reading for name, column in columns.items()}
        wide = frozenset(n for n, c in columns.items() if c.is_wide)
    stem = opening.stem(train.path.name)
    alone = len(files) == 1 and stem.lower() != "train"
    folder = train.path.expanduser().resolve().parent
    name = stem if alone else folder.name
    return Tables(
        name,
        target,
        tables,
        train.how_parted,
        data.group,
        data.heavy_tails,
    )


def _chosen(file: TableFile, data: DataConfig) -> list[str]:
    """Returns the names of the columns to read, the target's among them."""
    ignored = [
        name
        for entry in data.ignore
        for name in ([entry] if entry in file.columns else entry.split(","))
    ]
    for name in ignored:
        _check_name(file, "ignore", name)
    if data.target is not None:
        _check_name(file, "target", data.target)
    if data.group is not None:
        _check_group(file, data, data.group, ignored)
    if data.target in ignored:
        raise UserError(
            f"config.data.target={data.target!r} is also in config.data.ignore;"
            " take it out of one of them"
        )
    # Names of rows may be named: an older command ignores them, and they may
    # even be the labels.
    chosen = [
        name
        for name in file.columns
        if name not in ignored and name in (*file.names, data.target)
    ]
    if not chosen:
        raise UserError(
            f"config.data.ignore={','.join(data.ignore)} leaves no column of"
            f" {file.path}; it must leave a label and one feature or more"
        )
    return chosen


def _check_group(
    file: TableFile, data: DataConfig, group: str, ignored: list[str]
) -> None:
    _check_name(file, "group", group)
    target = data.target or [n for n in file.names if n not in ignored][-1]
    if group in ignored or group == target:
        raise UserError(
            f"config.data.group={group!r} is also the label or ignored; a"
            " group's column is read and is no feature: name another, or take"
            " it out of config.data.ignore"
        )


def _wishes(file: TableFile, data: DataConfig) -> dict[str, str]:
    """Returns what the config says of columns' reading, by their names."""
    found = {}
    entries = [
        part
        for entry in data.read_as
        for part in (
            [entry]
            if entry.rpartition("=")[0] in file.names
            else entry.split(",")
        )
    ]
    for entry in entries:
        name, _, reading = entry.rpartition("=")
        _check_name(file, "read_as", name)
        if reading not in READ_AS:
            raise UserError(
                f"config.data.read_as={entry!r}: {reading!r} is none of"
                f" {', '.join(READ_AS)}"
            )
        found[name] = reading
    return found


def _flag(field: str, value: str) -> str:
    """Returns the flag that sets a field to a column, as a shell takes it."""
    plain = re.fullmatch(r"[A-Za-z_][\w.=-]*", value, re.ASCII)
    quoted = re.sub(r'(["\\$`])', r"\\\1", value)
    return f"--config.data.{field}=" + (value if plain else f'"{quoted}"')


def _check_name(file: TableFile, field: str, name: str) -> None:
    if name not in file.columns:
        near = difflib.get_close_matches(name, file.names, 1, 0.0)
        raise UserError(
            f"config.data.{field}={name!r} is no column of {file.path}; did you"
            f" mean {near[0]!r}?"
        )


def _check_columns(file: TableFile, names: list[str]) -> None:
    lack = [name for name in names if name not in file.columns]
    if lack:
        raise UserError(
            f"{file.path} lacks the column {lack[0]!r}, which is trained on;"
            " all splits must have it, in any place; add it, or move the file"
            " away"
        )


def _labels(
    columns: Mapping[str, TableColumn],
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Returns each split's labels, and the classes' names if they have any."""
    found = list(columns.values())
    if found[0].categories is not None:
        plain = [[plain_name(t) for t in c.categories or ()] for c in found]
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
        np.abs(v).max() < EXACT_WHOLE for v in values
    )
    return [v.astype(np.int64) if whole else v for v in values], ()
