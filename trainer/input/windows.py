"""Rows that are streamed, read for many chunks at once, ahead of their turn.

The order is known, so the rows of the next chunks are: of these, those that
stand near one another are fetched together. Which chunks are read together
changes no row.
"""

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.sources.streamed_rows import StreamedRows

# Rows of as many bytes are read at once; while they are used, as many more.
WINDOW_BYTES = 512 * 2**20


def sizes(
    array: StreamedRows, chunk_rows: int, chunks: int
) -> tuple[list[int], int]:
    """Settles how many chunks are read at once.

    Args:
      array: that they are read from.
      chunk_rows: of a chunk.
      chunks: of the run.

    Returns:
      Those of the first windows, each twice the one before, for a start that
      does not wait long; and that of all others. Windows of more rows than
      there are blocks all take as long, and begin at once.
    """
    row_bytes = array.nbytes // len(array) + np.int64().nbytes  # its number
    most = max(1, min(WINDOW_BYTES // (chunk_rows * row_bytes), chunks))
    first, size = [], 1
    while size < most and size * chunk_rows < array.block_count:
        first.append(size)
        size *= 2
    return first, most


def read_ahead(
    elements: tf.data.Dataset,
    array: StreamedRows,
    windows: tuple[list[int], int],
) -> tf.data.Dataset:
    """Reads the rows of chunks, a window of them after another.

    Args:
      elements: of tuples that end with int64 [K, rows], a chunk's rows; -1 for
        a slot that is not used.
      array: that the rows are read from.
      windows: from `sizes`.

    Returns:
      The same, with the rows themselves, [K, rows, *row], in place of their
      numbers; 0 in slots that are not used.
    """
    first, most = windows
    row = array.shape[1:]

    def take(index: np.ndarray) -> np.ndarray:
        is_used = index >= 0
        rows = np.zeros((*index.shape, *row), array.dtype)
        rows[is_used] = array.take(index[is_used])
        return rows

    def read(*element: Any) -> tuple:
        *others, index = element
        rows = tf.numpy_function(take, [index], tf.as_dtype(array.dtype))
        return *others, tf.ensure_shape(rows, [*index.shape, *row])

    parts, done = [], 0
    for size in first:
        parts.append(elements.skip(done).take(size).batch(size))
        done += size
    parts.append(elements.skip(done).batch(most))
    windowed = functools.reduce(tf.data.Dataset.concatenate, parts)
    return windowed.map(read).prefetch(1).unbatch()
