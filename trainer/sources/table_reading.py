"""Reads the tables of all splits as the training file and the config say."""

from collections.abc import Mapping

from trainer.config import DataConfig
from trainer.sources import opening
from trainer.sources.column_choice import check_columns
from trainer.sources.column_choice import chosen_columns
from trainer.sources.column_choice import ignored_columns
from trainer.sources.column_choice import wished_readings
from trainer.sources.csv_table import read
from trainer.sources.encoding import Encoding
from trainer.sources.readings import Reading
from trainer.sources.splits import SPLITS
from trainer.sources.table_file import TableFile
from trainer.sources.table_splits import Tables


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
    # Rows that are scored alone may have none.
    has_weight = data.weight is not None and (
        encoding is None
        or all(data.weight in f.columns for f in files.values())
    )
    as_texts = [] if data.group is None else [data.group]
    known: Mapping[str, Reading] | None = None
    read_as: dict[str, str] = {}
    # 64 bits tell days and seconds apart.
    wide = frozenset([] if data.order is None else [data.order])
    if encoding is None:
        names = chosen_columns(train, data)
        target = data.target or names[-1]
        read_as = wished_readings(train, data)
        wishes = read_as | dict.fromkeys(as_texts, "text")
    else:
        names = [*(c.name for c in encoding.inputs), encoding.target]
        target = encoding.target
        wide |= encoding.wide
        known = encoding.readings | dict.fromkeys(as_texts, encoding.texts)
        # Readings that are no part of the encoding are settled anew.
        beside = [data.order, data.weight if has_weight else None]
        settled = [name for name in beside if name is not None]
        names += as_texts + settled
        read_as = wishes = wished_readings(train, data, settled)
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
    stem = opening.stem(train.path.name)
    alone = len(files) == 1 and stem.lower() != "train"
    folder = train.path.expanduser().resolve().parent
    name = stem if alone else folder.name
    return Tables(
        name,
        target,
        tables,
        train.how_parted,
        group=data.group,
        order=data.order,
        heavy_tails=data.heavy_tails,
        weight=data.weight if has_weight else None,
        rare_rows=data.rare_rows,
        ignored=ignored_columns(train, data),
        read_as=read_as,
    )
