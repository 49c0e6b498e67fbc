"""Rows of a split, found again in the file that they were read from."""

from collections.abc import Collection
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.dataset import Dataset
from trainer.sources.table_folder import find_tables
from trainer.storage import staging
from trainer.tables.opening import open_table

# Of a file that is read once more for some rows of it.
MOST_BYTES = 200_000_000


class FileRow(NamedTuple):
    """A row as a file has it.

    Attributes:
      file: its name, without the folder's.
      line: that the row ends in, from 1; of a file without lines the row.
      cells: by the column's name.
    """

    file: str
    line: int
    cells: dict[str, str]


def find(
    dataset: Dataset, split: str, rows: Collection[int]
) -> dict[int, FileRow]:
    """Returns rows of a split as its file has them.

    Args:
      dataset: as it was loaded.
      split: its name.
      rows: of the split, from 0.

    Returns:
      {row: as the file has it}; {} of what was no table's file, or is too large
      to be read once more, or was moved away or changed meanwhile.
    """
    if dataset.encoding is None or dataset.folder is None:
        return {}
    part = dataset.splits[split]
    places = part.places(np.fromiter(rows, np.int64))
    if part.kept is not None:
        places = part.kept[places]
    wanted = dict(zip(places.tolist(), rows, strict=True))
    try:
        paths = find_tables(staging.localize(dataset.folder))
        # A split that was held out is of the training file.
        path = paths.get(split, paths["train"])
        if path.stat().st_size > MOST_BYTES:
            return {}
        return {wanted[place]: found for place, found in _read(path, wanted)}
    except (UserError, OSError, LookupError):
        return {}


def _read(path: Path, wanted: Collection[int]) -> Iterator[tuple[int, FileRow]]:
    """Yields (place, row) of the places that are asked for, up to the last."""
    first, last = 0, max(wanted, default=-1)
    for block in open_table(path).blocks():
        if first > last:
            return
        for place in wanted:
            at = place - first
            if 0 <= at < len(block.places.numbers):
                cells = {n: texts[at] for n, texts in block.columns.items()}
                yield place, FileRow(path.name, block.places.numbers[at], cells)
        first += len(block.places.numbers)
