"""Folders of Parquet shards, local or in a bucket, read by row groups.

A shard's rows have a column x, of lists of as many numbers each or of tensors
of one shape, and a column y of labels. Row groups are packed, so each is read
whole: they are the blocks that rows are fetched by. Shards follow one another
in the order of their names.
"""

import concurrent.futures
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.dataset import Rows
from trainer.sources.splits import SPLITS
from trainer.sources.streamed_rows import Blocks
from trainer.sources.streamed_rows import changed
from trainer.sources.streamed_rows import StreamedRows
from trainer.sources.streamed_rows import WHOLE_BYTES
from trainer.storage.bucket import ConflictError
from trainer.storage.bucket import Folder
from trainer.storage.bucket_file import BucketFile
from trainer.storage.names import is_remote
from trainer.tables import arrow_file
from trainer.tables.arrow_file import told

_SHARD = re.compile(rf"({'|'.join(SPLITS)})-.+\.(?:parquet|pq)")
# Of a row group, unpacked; and of those that are unpacked at once.
MOST_GROUP_BYTES = 256 * 2**20
UNPACKED_BYTES = 2**30
READERS = 16
_WRITE = "write it with pyarrow.parquet.write_table(table, path, row_group_size"

# From a shard's name to what is read of it: a file, open.
Opener = Callable[[str], Any]


class Group(NamedTuple):
    """A row group: the name of its shard, its number there, and its rows."""

    shard: str
    number: int
    rows: int


def shards_among(names: Collection[str]) -> dict[str, list[str]]:
    """Returns the shards of each split, in order; {} where none is to train."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        if match := _SHARD.fullmatch(name):
            found.setdefault(match[1], []).append(name)
    return found if "train" in found else {}


def open_shards(
    data_dir: str, shards: Mapping[str, list[str]], cache_bytes: int
) -> dict[str, Rows]:
    """Opens the shards of each split, and reads the labels.

    Args:
      data_dir: their folder, or gs://BUCKET/PATH.
      shards: of `shards_among`.
      cache_bytes: most of the disk that the rows of each split take.

    Returns:
      {"x_train": rows, "y_train": labels, ...}

    Raises:
      UserError: naming the shard, the rule and the remedy.
      ClusterError: the bucket cannot be reached.
    """
    opener = _opener(data_dir)
    arrays: dict[str, Rows] = {}
    with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
        for split, names in shards.items():
            found = [*readers.map(lambda name: _groups(opener, name), names)]
            groups = [group for several in found for group in several]
            if not groups:
                raise UserError(f"{data_dir}/{names[0]} has no rows; add some")
            x = StreamedRows(_blocks(data_dir, opener, groups), cache_bytes)
            arrays[f"x_{split}"] = x[:] if x.nbytes <= WHOLE_BYTES else x
            labels = readers.map(lambda g: _read(opener, g, "y"), groups)
            arrays[f"y_{split}"] = _joined(groups, [*labels])
    return arrays


def _opener(data_dir: str) -> Opener:
    if not is_remote(data_dir):
        return lambda name: open(Path(data_dir).expanduser() / name, "rb")
    folder = Folder(data_dir)
    entries = folder.list()
    return lambda name: BucketFile(folder, name, entries[name])


def _groups(opener: Opener, shard: str) -> list[Group]:
    """Reads which row groups a shard has; those without rows are left out."""
    with told(Path(shard)), opener(shard) as file:
        from pyarrow import parquet

        with parquet.ParquetFile(file) as opened:
            names, about = opened.schema_arrow.names, opened.metadata
            if sorted(names) != ["x", "y"]:
                shown = ", ".join(names[:4]) + ", ..." * (len(names) > 4)
                raise UserError(
                    f"{shard} has the columns {shown}; shards must have x, a"
                    " list of numbers a row, and y; write them so, or join the"
                    " shards of a table to one train.parquet"
                )
            rows = [
                about.row_group(n).num_rows for n in range(about.num_row_groups)
            ]
    return [Group(shard, n, count) for n, count in enumerate(rows) if count]


def _joined(groups: list[Group], labels: list[np.ndarray]) -> np.ndarray:
    """Returns the labels of all row groups.

    Raises:
      UserError: some are texts and some are numbers, or of another shape.
    """
    first, *_ = labels
    for group, part in zip(groups, labels, strict=True):
        is_text = part.dtype.kind == "U"
        alike = is_text == (first.dtype.kind == "U")
        if not alike or part.shape[1:] != first.shape[1:]:
            raise UserError(
                f"{group.shard} has labels of {_kind(part)}, and"
                f" {groups[0].shard} of {_kind(first)}; all must be alike;"
                " write it again"
            )
    return np.concatenate(labels)


def _kind(labels: np.ndarray) -> str:
    kind = "texts" if labels.dtype.kind == "U" else labels.dtype.name
    return f"{kind} {labels.shape[1:]}"


def _blocks(data_dir: str, opener: Opener, groups: list[Group]) -> Blocks:
    first = _read(opener, groups[0], "x")
    row, dtype = first.shape[1:], first.dtype
    row_bytes = first[:1].nbytes
    if not row_bytes:
        raise UserError(
            f"{groups[0].shard}: x has lists of 0 numbers; each row must have"
            " one or more; write them again"
        )
    largest = max(groups, key=lambda group: group.rows)
    if largest.rows * row_bytes > MOST_GROUP_BYTES:
        raise UserError(
            f"{largest.shard} has a row group of {largest.rows} rows,"
            f" {largest.rows * row_bytes} bytes unpacked, and the most are"
            f" {MOST_GROUP_BYTES}; {_WRITE}={2**24 // row_bytes or 1})"
        )

    def fetch(start: int, stop: int) -> np.ndarray:
        parts = [_read(opener, group, "x") for group in groups[start:stop]]
        for group, part in zip(groups[start:stop], parts, strict=True):
            if (part.shape[1:], part.dtype) != (row, dtype):
                raise UserError(
                    f"{group.shard} has rows of {part.dtype} {part.shape[1:]},"
                    f" and {groups[0].shard} of {dtype} {row}; all must be"
                    " alike; write it again"
                )
        return np.concatenate(parts)

    return Blocks(
        name=data_dir,
        row=row,
        dtype=dtype,
        starts=np.cumsum([0, *(group.rows for group in groups)]),
        fetch=fetch,
        readers=min(
            READERS, max(1, UNPACKED_BYTES // (largest.rows * row_bytes))
        ),
    )


def _read(opener: Opener, group: Group, column: str) -> np.ndarray:
    """Reads a column of a row group, [rows, ...]."""
    name = f"{group.shard}: {column}"
    try:
        with told(Path(group.shard)), opener(group.shard) as file:
            from pyarrow import parquet

            with parquet.ParquetFile(file) as opened:
                table = opened.read_row_group(group.number, columns=[column])
            values = table.column(0).combine_chunks()
    except (ConflictError, FileNotFoundError):
        raise changed(group.shard) from None
    if column == "y":
        values = arrow_file.without_categories(values)
        if arrow_file.is_text(values.type):
            _check_whole(name, values)
            return np.array(arrow_file.values(name, values), str)
    array = _unpacked(name, values)
    is_truth = column == "x" and array.dtype == bool
    return array.view(np.uint8) if is_truth else array


def _unpacked(name: str, values: Any) -> np.ndarray:
    """Returns numbers, or lists or tensors of them, as one array."""
    import pyarrow as pa

    _check_whole(name, values)
    if isinstance(values, pa.FixedShapeTensorArray):
        _check_whole(name, values.storage.flatten())
        return np.asarray(values.to_numpy_ndarray())
    kind = values.type
    if pa.types.is_fixed_size_list(kind):
        width = kind.list_size
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        widths = np.unique(values.value_lengths().to_numpy())
        if len(widths) > 1:
            raise UserError(
                f"{name} has lists of {widths[0]} and of {widths[1]} numbers;"
                " all rows must be alike; write them again"
            )
        width = int(widths[0])
    elif (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
    ):
        return np.asarray(values.to_numpy(zero_copy_only=False))
    else:
        raise UserError(
            f"{name} is of {kind}; x must be lists of numbers a row, and y"
            " numbers, texts, or such lists; write them so"
        )
    inner = _unpacked(name, values.flatten())
    return inner.reshape(len(values), width, *inner.shape[1:])


def _check_whole(name: str, values: Any) -> None:
    if values.null_count:
        raise UserError(
            f"{name} has rows without a value; fill them in, or leave them out"
        )
