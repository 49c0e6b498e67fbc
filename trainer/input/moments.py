"""Mean and deviation of rows as they are stored. NumPy alone."""

import numpy as np

from trainer.sources import Split
from trainer.sources.dataset import evenly_spaced

# What is read for mean and deviation, as it is stored, and in what pieces where
# that is not all of it.
MOST_MOMENT_BYTES = 64 * 2**20
MOMENT_BLOCK_BYTES = 256 * 2**10


def moments(
    split: Split, *, per_column: bool, block_rows: int = 8192
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in float64, a block of rows at a time.

    Blocks are merged by the rule of Chan, Golub & LeVeque 1983, which does not
    cancel where the mean is large against the deviation.
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    starts = np.arange(0, split.examples, block_rows)
    row_bytes = row_bytes_of(split)
    if split.examples * row_bytes > MOST_MOMENT_BYTES:
        block_rows = max(1, MOMENT_BLOCK_BYTES // row_bytes)
        blocks = -(-split.examples // block_rows)
        most = MOST_MOMENT_BYTES // MOMENT_BLOCK_BYTES
        starts = evenly_spaced(blocks, most) * block_rows
    for start in starts.tolist():
        stop = min(start + block_rows, split.examples)
        rows = (
            slice(start, stop) if split.rows is None else split.rows[start:stop]
        )
        x = np.asarray(split.x[rows], np.float64).reshape(stop - start, -1)
        x = x if per_column else x.reshape(-1, 1)
        delta = x.mean(axis=0) - mean
        total = count + len(x)
        squares = (
            squares + x.var(axis=0) * len(x) + delta**2 * count * len(x) / total
        )
        mean, count = mean + delta * len(x) / total, total
    return mean, np.sqrt(squares / max(count, 1))


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
