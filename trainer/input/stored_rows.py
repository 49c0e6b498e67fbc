"""Rows by their numbers, in memory, from mapped files and from afar."""

import concurrent.futures
import functools
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.sources.dataset import Rows
from trainer.sources.streamed_rows import StreamedRows

# Threads that read the rows of a chunk from a mapped file.
READERS = 16


def gather(array: Rows, *, at_random: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from int64 [n] to the array's rows, [n, ...].

    Args:
      array: in memory, mapped from a file, or streamed.
      at_random: whether rows are asked for in no order of theirs.
    """
    take = _taker(array)
    if at_random and isinstance(array, np.memmap):
        _expect_no_order(array)

    # Of an array in memory, too: as a tensor it would be held twice.
    def read(index: tf.Tensor) -> tf.Tensor:
        rows = tf.numpy_function(take, [index], tf.as_dtype(array.dtype))
        return tf.ensure_shape(rows, [None, *array.shape[1:]])

    return read


def _taker(array: Rows) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from int64 [n] to the array's rows, [n, ...]."""
    if isinstance(array, StreamedRows):
        return array.take
    if isinstance(array, np.memmap):
        return _reader(array)
    return functools.partial(np.take, array, axis=0)


def _expect_no_order(array: np.memmap) -> None:
    """Has a map's pages read one by one, not with those that lie beside."""
    if hasattr(mmap, "MADV_RANDOM"):
        mapped: Any = array
        mapped._mmap.madvise(mmap.MADV_RANDOM)


def _reader(array: np.memmap) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from int64 [n] to the map's rows, [n, ...].

    Several threads read, since `np.take` lets others run meanwhile: a disk is
    then asked for many pages at once, and not for one after another.
    """
    stored = array.view(np.ndarray)
    readers = concurrent.futures.ThreadPoolExecutor(READERS)

    def read(index: np.ndarray) -> np.ndarray:
        rows = np.empty((len(index), *stored.shape[1:]), stored.dtype)
        jobs = zip(
            np.array_split(index, READERS),
            np.array_split(rows, READERS),
            strict=True,
        )

        def fill(job: tuple[np.ndarray, np.ndarray]) -> None:
            # Any mode but "raise" writes in place; each index is a row's.
            np.take(stored, job[0], axis=0, out=job[1], mode="clip")

        for _ in readers.map(fill, jobs):
            pass
        return rows

    return read
