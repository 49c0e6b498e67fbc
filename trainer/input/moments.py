"""Mean and deviation of rows as they are stored. NumPy alone."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from trainer.sources import precision
from trainer.sources import Split
from trainer.sources.dataset import evenly_spaced
from trainer.sources.streamed_rows import StreamedRows

# What is read for mean and deviation, as it is stored, and in what pieces where
# that is not all of it.
MOST_MOMENT_BYTES = 64 * 2**20
MOMENT_BLOCK_BYTES = 256 * 2**10
# Blocks that are asked for at once of what is streamed.
STREAMED_BLOCKS = 32


def moments(
    split: Split,
    *,
    per_column: bool,
    block_rows: int = 8192,
    center: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, a block of rows at a time.

    Blocks are merged by the rule of Chan, Golub & LeVeque 1983, which does not
    cancel where the mean is large against the deviation.

    Args:
      split: the rows.
      per_column: whether each column has its own.
      block_rows: of a block.
      center: int64 or float64 [columns] or [1], taken off first, int64 exactly.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    for stored in _blocks(split, per_column, block_rows):
        if center is not None:
            stored = stored.astype(center.dtype) - center
        x = np.asarray(stored, np.float64)
        delta = x.mean(axis=0) - mean
        total = count + len(x)
        squares = (
            squares + x.var(axis=0) * len(x) + delta**2 * count * len(x) / total
        )
        mean, count = mean + delta * len(x) / total, total
    return mean, np.sqrt(squares / max(count, 1))


def _blocks(
    split: Split, per_column: bool, block_rows: int = 8192
) -> Iterator[np.ndarray]:
    """Yields rows as they are stored, [rows, columns], or [values, 1]."""
    starts = np.arange(0, split.examples, block_rows)
    row_bytes = row_bytes_of(split)
    if split.examples * row_bytes > MOST_MOMENT_BYTES:
        block_rows = max(1, MOMENT_BLOCK_BYTES // row_bytes)
        blocks = -(-split.examples // block_rows)
        most = MOST_MOMENT_BYTES // MOMENT_BLOCK_BYTES
        starts = evenly_spaced(blocks, most) * block_rows
    at_once = STREAMED_BLOCKS if isinstance(split.x, StreamedRows) else 1
    for some in np.split(starts, range(at_once, len(starts), at_once)):
        for x in _read(split, some, block_rows):
            x = x.reshape(len(x), -1)
            yield x if per_column else x.reshape(-1, 1)


def _read(
    split: Split, starts: np.ndarray, block_rows: int
) -> list[np.ndarray]:
    """Returns blocks of rows, all of which are asked for at once."""
    stops = np.minimum(starts + block_rows, split.examples)
    rows: slice | np.ndarray = slice(int(starts[0]), int(stops[0]))
    if len(starts) > 1:
        rows = np.concatenate(list(map(np.arange, starts, stops)))
    rows = rows if split.rows is None else split.rows[rows]
    read = np.asarray(split.x[rows])
    return np.split(read, np.cumsum(stops - starts)[:-1])


class Centered(NamedTuple):
    """What is taken off columns before they are float32.

    Attributes:
      center: int64 of whole numbers, else float64, [columns] or [1]; 0 of
        columns that float32 holds as well.
      mean: float64, of what is left.
      std: float64, the same.
      is_lost: bool, the columns that float32 alone would lose.
    """

    center: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    is_lost: np.ndarray


def centered(
    split: Split, mean: np.ndarray, std: np.ndarray, *, per_column: bool
) -> Centered | None:
    """Looks at columns whose spread is small against their mean.

    Args:
      split: the rows.
      mean: float64, of `moments`: near enough.
      std: float64, the same.
      per_column: whether each column has its own.

    Returns:
      None where float32 tells the rows apart as they are stored.
    """
    dtype = split.x.dtype
    suspect = precision.is_suspect(mean, std)
    if dtype.itemsize <= 2 or not suspect.any():
        return None
    is_whole = dtype.kind in "iu"
    center = _rounded(mean) if is_whole else mean
    center = np.where(suspect, center, 0)
    rest, spread = moments(split, per_column=per_column, center=center)
    if is_whole:
        # Float64 may have been far off where numbers are beyond 2^53.
        off = np.where(suspect, np.rint(rest), 0)
        center, rest = center + off.astype(np.int64), rest - off
    blocks = _blocks(split, per_column)
    error = np.max([precision.rounding(x) for x in blocks], axis=0)
    is_lost = suspect & precision.is_lost(
        error, mean, spread, is_whole=is_whole
    )
    if not is_lost.any():
        return None
    return Centered(
        np.where(is_lost, center, 0),
        np.where(is_lost, rest, mean),
        np.where(is_lost, spread, std),
        is_lost,
    )


def _rounded(mean: np.ndarray) -> np.ndarray:
    """Returns whole numbers as int64; of uint64, those of the same 64 bits."""
    least, most = -(2.0**63), 2.0**63 - 1024
    high = np.rint(np.clip(mean, 0, 2 * most)).astype(np.uint64)
    low = np.rint(np.clip(mean, least, most)).astype(np.int64)
    return np.where(mean > most, high.astype(np.int64), low)


def row_bytes_of(split: Split) -> int:
    """Returns what a row of features takes as it is stored."""
    return split.x.dtype.itemsize * int(np.prod(split.x.shape[1:]))


def divisor(mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Returns what to divide by: the deviation, or 1 where it is nothing.

    A constant column's deviation is rounding, which must not be blown up.

    Args:
      mean: float64 [columns].
      std: float64 [columns].

    Returns:
      float32 [columns].
    """
    varies = std > np.finfo(np.float32).eps * np.abs(mean)
    return np.where(varies, std, 1).astype(np.float32)
