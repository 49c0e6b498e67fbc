"""Rows to predict from, read block by block from files of any size.

Whatever the file, the rows that come out are as the run's data was stored, and
finite. TensorFlow is not needed: a bad file is told of before it is imported.
"""

import numbers
import re
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainer.finished.trained_run import Layout
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.serving import table_rows
from trainer.serving.table_rows import Rows
from trainer.sources import idx
from trainer.sources import npy
from trainer.sources.checks import check_dtype
from trainer.storage.names import local_place
from trainer.tables.cell_text import text_of
from trainer.tables.encoding import Encoding
from trainer.tables.opening import is_table
from trainer.tables.opening import KINDS
from trainer.tables.opening import refuse_kind
from trainer.tables.table_file import Places
from trainer.tables.table_file import TableFile

# A name that is not a path, and that a terminal shows as it is.
_PLAIN_NAME = re.compile(r"[^\x00-\x1f\x7f/\\:]+")
# A batch is whole however few its rows are, as its shape decides on the last
# bits of each: a larger one ends in no memory, and is no quicker.
MOST_BATCH_BYTES = 2**31


def add_flags(parser: Parser) -> None:
    """Adds the flags that say in which files the rows are."""
    parser.add_argument(
        "--input",
        metavar="FILE",
        type=local_place,
        nargs="+",
        action="extend",
        required=True,
        help="rows: .npy, .npz, IDX (.gz too), or a table: .csv, .tsv, .txt"
        " (.gz, .bz2, .xz, .zst too), .parquet, .feather; of any size",
    )
    parser.add_argument(
        "--array", metavar="NAME", help="which array of an .npz holds the rows"
    )


def open_file(
    path: Path,
    layout: Layout,
    array: str | None = None,
    keep: str | None = None,
) -> Rows:
    """Opens a file of rows and checks what can be checked without reading it.

    Args:
      path: .npy, .npz, a table of `opening.KINDS`, or by its content IDX, .gz
        too.
      layout: what the run takes.
      array: which array of an .npz; None for its only one, or the one named x.
      keep: names of a table's columns, parted by commas, or "all"; None for the
        names that its rows have, where they have some.

    Raises:
      UserError: there is no such file, or it holds no such rows or columns.
    """
    if not path.is_file():
        found = "is not a regular file" if path.exists() else "does not exist"
        raise UserError(f"--input={path} {found}; name a file of rows")
    kind = path.suffix.lower()
    if array is not None and kind != ".npz":
        raise UserError(f"--array={array} is for .npz files; {path} is none")
    if is_table(path.name):
        return _of_table(path, layout, keep)
    if keep is not None:
        raise UserError(
            f"--keep={keep} names columns of a table; {path} is none; leave it"
            " out"
        )
    if kind == ".npy":
        return of_array(str(path), npy.map_npy(path), layout)
    if kind == ".npz":
        return _of_npz(path, layout, array)
    refuse_kind(path)
    return _of_idx(path, layout)


def of_array(name: str, array: np.ndarray, layout: Layout) -> Rows:
    """Takes rows from an array, which may be a memory map.

    Of a run on a table an array as wide as its columns holds their cells, and
    any other features that were encoded.

    Raises:
      UserError: it is not numbers, or not of the layout's shape.
    """

    def blocks(block_rows: int) -> Iterator[np.ndarray]:
        starts = range(0, len(array), block_rows)
        return (np.asarray(array[s : s + block_rows]) for s in starts)

    return _of_arrays(name, blocks, array.shape, array.dtype, layout)


def of_table(file: TableFile, layout: Layout) -> Rows:
    """Takes rows from a table whose header was read.

    Raises:
      UserError: it lacks a column, or has as many as are no features.
    """
    return _checked(table_rows.of_file(file, layout, None), layout)


def check_batch_size(name: str, batch_size: int | None, layout: Layout) -> None:
    """Refuses a number of rows that are worked off at once.

    Raises:
      UserError: it is neither None nor 1 or more, or of more than
        `MOST_BATCH_BYTES` in float32.
    """
    if batch_size is None:
        return
    is_whole = isinstance(batch_size, numbers.Integral)
    most = max(1, MOST_BATCH_BYTES // (4 * layout.features))
    if not is_whole or isinstance(batch_size, bool) or batch_size < 1:
        raise UserError(
            f"{name}={batch_size!r} must be 1 or more, a whole number; leave it"
            " out for that of the run's evaluation"
        )
    if batch_size > most:
        raise UserError(
            f"{name}={batch_size} must be {most:,} or less, of rows of"
            f" {layout.features:,} values: a batch is whole however few rows"
            " there are; lower it, or leave it out"
        )


def check_outputs(name: str, outputs: np.ndarray, first: int = 0) -> None:
    """Refuses outputs that are not finite.

    Args:
      name: of their rows, for messages.
      outputs: float32 [rows, outputs].
      first: number of the first of these rows.

    Raises:
      UserError: naming the first row that has such.
    """
    finite = np.isfinite(outputs).all(axis=1)
    if not finite.all():
        raise UserError(
            f"{name}: row {first + int(np.argmin(finite))} has values so large"
            " that the network's output is not finite; correct the row or"
            " leave it out"
        )


def _of_npz(path: Path, layout: Layout, array: str | None) -> Rows:
    keys = npy.npz_keys(path)
    for key in keys:
        if not _PLAIN_NAME.fullmatch(key) or ".." in key:
            raise UserError(
                f"{path} holds {key!r}, a path and no array's name; save it"
                " again with numpy.savez"
            )
    if len(set(keys)) != len(keys):
        raise UserError(f"{path} holds one name twice; save it again")
    name = array or ("x" if "x" in keys else keys[0] if len(keys) == 1 else "")
    if name not in keys:
        raise UserError(
            f"{path} holds {', '.join(keys[:8]) or 'no array'}; say by --array"
            " which of them holds the rows"
        )
    shape, dtype = npy.npz_shape(path, name)

    def blocks(block_rows: int) -> Iterator[np.ndarray]:
        return npy.npz_blocks(path, name, block_rows)

    return _of_arrays(f"{path}: {name}", blocks, shape, dtype, layout)


def _of_table(path: Path, layout: Layout, keep: str | None) -> Rows:
    table = table_rows.open_rows(path, layout, keep)
    for _ in table.blocks(1):  # its start alone
        break
    else:
        raise UserError(f"{path} has no rows; it must have 1 or more")
    return _checked(table, layout)


def _of_idx(path: Path, layout: Layout) -> Rows:
    try:
        shape = idx.idx_shape(path)
    except UserError as error:
        raise UserError(
            f"{error}; files of rows are .npy, .npz, IDX and tables: {KINDS}"
        ) from None

    def blocks(block_rows: int) -> Iterator[np.ndarray]:
        return idx.idx_blocks(path, block_rows)

    return _of_arrays(str(path), blocks, shape, np.dtype(np.uint8), layout)


def _of_arrays(
    name: str,
    blocks: Callable[[int], Iterator[np.ndarray]],
    shape: tuple[int, ...],
    dtype: np.dtype,
    layout: Layout,
) -> Rows:
    """Makes checked rows of arrays, in which a table's cells are encoded."""
    check_dtype(name, np.empty(0, np.uint8 if dtype.kind == "b" else dtype))
    _check_shape(name, shape, layout)
    rows, encoding = Rows(name, shape[0], blocks), layout.encoding
    if encoding is not None and shape[1] == len(encoding.inputs):
        return _checked(
            rows._replace(blocks=lambda n: _encoded(rows, encoding, n)), layout
        )
    return _checked(rows, layout)


def _encoded(
    rows: Rows, encoding: Encoding, block_rows: int
) -> Iterator[np.ndarray]:
    """Yields the features of cells that stand in the order of the columns."""
    names, first = [column.name for column in encoding.inputs], 0
    for block in rows.blocks(block_rows):
        columns = zip(names, block.T, strict=True)
        yield encoding.encode(
            {name: [*map(text_of, cells.tolist())] for name, cells in columns},
            where=rows.name,
            places=Places(range(first, first + len(block)), "row"),
        )
        first += len(block)


def _check_shape(name: str, shape: tuple[int, ...], layout: Layout) -> None:
    wanted = {layout.shape: "", (layout.features,): ""}
    if layout.encoding is not None:
        wanted = {
            layout.shape: " of features",
            (len(layout.encoding.inputs),): " of its table's cells",
        }
    if shape[1:] not in wanted or not shape:
        told = " or ".join(
            f"[{', '.join(map(str, ('rows', *one)))}]{what}"
            for one, what in wanted.items()
        )
        raise UserError(
            f"{name} has shape {shape}; the run takes {told}; reshape it"
        )
    if not shape[0]:
        raise UserError(f"{name} has no rows; it must have 1 or more")


def _checked(rows: Rows, layout: Layout) -> Rows:
    """Makes rows whose every block is cast, shaped and checked."""

    def checked(block_rows: int) -> Iterator[np.ndarray]:
        first = 0
        for block in rows.blocks(block_rows):
            cast = _as_stored(rows.name, block, layout.dtype, first)
            yield cast.reshape(len(block), *layout.shape)
            first += len(block)
        if not first:
            raise UserError(f"{rows.name} has no rows; it must have 1 or more")

    return rows._replace(blocks=checked)


def _as_stored(
    name: str, block: np.ndarray, dtype: np.dtype, first: int
) -> np.ndarray:
    """Casts a block to the stored dtype, or says which row does not fit."""
    with np.errstate(invalid="ignore", over="ignore"):
        cast = block.astype(dtype, copy=False)
    is_whole = block.dtype.kind in "iu"
    good = np.ones(1, bool) if is_whole else np.isfinite(block)
    rule = "every value must be finite; fill it in or leave the row out"
    if good.all():
        good = cast == block if dtype.kind in "iu" else np.isfinite(cast)
        # Its name is looked for alone where it is told: NumPy makes it anew.
        rule = ""
    if not good.all():
        rule = rule or (
            f"the run takes rows as they were stored, {dtype.name}, before any"
            " normalisation"
        )
        at = tuple(np.argwhere(~good)[0])
        value = block[at]
        raise UserError(f"{name} has {value} in row {first + at[0]}; {rule}")
    return cast
