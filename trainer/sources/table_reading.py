"""Reads the tables of all splits as the training file and the config say."""

import dataclasses
from collections.abc import Mapping

from trainer.config import DataConfig
from trainer.sources.splits import SPLITS
from trainer.sources.table_splits import Tables
from trainer.tables import opening
from trainer.tables.column_choice import check_columns
from trainer.tables.column_choice import chosen_columns
from trainer.tables.column_choice import ignored_columns
from trainer.tables.column_choice import wished_readings
from trainer.tables.csv_table import read
from trainer.tables.encoding import Encoding
from trainer.tables.given import FrameTable
from trainer.tables.readings import Reading
from trainer.tables.table_file import TableFile


def read_tables(
    files: Mapping[str, TableFile],
    data: DataConfig,
    encoding: Encoding | None = None,
) -> Tables:
    """Reads the columns that are trained on from the files of all splits.

    How columns are read is settled by the training file; groups are texts,
    whatever they look like.

    Args:
      files: of all splits, whose headers were read.
      data: the config's section.
      encoding: of an earlier run, whose columns are read; None for all but
        those that the config ignores.

    Raises:
      UserError: a file cannot be read, or has no such column.
    """
    train = files["train"]
    if encoding is not None and not all(
        data.weight in file.columns for file in files.values()
    ):
        # Rows that are scored alone may have none.
        data = dataclasses.replace(data, weight=None)
    names, target, read_as = _wanted(train, data, encoding)
    wishes = read_as
    known: Mapping[str, Reading] | None = None
    # 64 bits tell days and seconds apart.
    wide = frozenset(_named(data.order))
    if encoding is None:
        wishes = read_as | dict.fromkeys(_named(data.group), "text")
    else:
        as_texts = dict.fromkeys(_named(data.group), encoding.texts)
        known = encoding.readings | as_texts
        wide |= encoding.wide
    tables = {}
    for split in sorted(files, key=SPLITS.index):
        check_columns(files[split], names)
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
    name, ignored = _name_of(files), ignored_columns(train, data)
    return Tables(
        name, target, tables, train.how_parted, data, ignored, read_as
    )


def _wanted(
    train: TableFile, data: DataConfig, encoding: Encoding | None
) -> tuple[list[str], str, dict[str, str]]:
    """Returns the columns to read, the target, and readings that are wished."""
    if encoding is None:
        names = chosen_columns(train, data)
        return names, data.target or names[-1], wished_readings(train, data)
    # Readings that are no part of the encoding are settled anew.
    settled = _named(data.order, data.weight)
    names = [*(c.name for c in encoding.inputs), encoding.target]
    names += _named(data.group) + settled
    return names, encoding.target, wished_readings(train, data, settled)


def _named(*names: str | None) -> list[str]:
    return [name for name in names if name is not None]


def _name_of(files: Mapping[str, TableFile]) -> str:
    """Returns what a table is called: as its file, or as its folder."""
    path = files["train"].path
    stem = opening.stem(path.name)
    is_handed = isinstance(files["train"], FrameTable)
    if is_handed or (len(files) == 1 and stem.lower() != "train"):
        return stem
    return path.expanduser().resolve().parent.name
