"""Rows that are read as they are asked for, by blocks, from afar or packed."""

import concurrent.futures
import dataclasses
import math
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.block_cache import BlockCache

# An array of no more bytes is read whole, and so are all labels.
WHOLE_BYTES = 64 * 2**20
# Threads that fetch, and that pick rows of what is here.
READERS = 32
# That the picking is parted in.
PARTS = 16


def changed(name: str) -> UserError:
    """Returns the error for data that are not what they were opened as."""
    return UserError(
        f"{name} was written anew or removed while it is read; a run's data"
        " must stay as it is: put it back, or begin another run on it"
    )


@dataclasses.dataclass(frozen=True)
class Blocks:
    """Rows as they stand somewhere.

    Attributes:
      name: for people.
      row: shape of a row.
      dtype: of its values.
      starts: int64 [blocks + 1], the first row of each block, and at the end
        how many there are.
      fetch: from a block, and one behind it, to the rows of these and those
        between, as they are stored; by any thread.
      most_blocks: of one fetch.
      gap_blocks: so many that nobody asked for are fetched with those on both
        sides, since two fetches would take longer.
      readers: how many fetches are under way at once.
    """

    name: str
    row: tuple[int, ...]
    dtype: np.dtype
    starts: np.ndarray
    fetch: Callable[[int, int], np.ndarray]
    most_blocks: int = 1
    gap_blocks: int = 0
    readers: int = READERS

    def __len__(self) -> int:
        return len(self.starts) - 1


class StreamedRows:
    """An array [rows, *row] whose rows are fetched and kept by blocks.

    It is indexed by a row's number, a slice or an array of numbers, and then is
    a plain array. Whoever asks for many rows at once is served best.

    Attributes:
      shape, dtype, ndim, size, nbytes: as an array's.
      failure: what the last fetch ended with, for those who are told less of
        it by TensorFlow.
    """

    def __init__(self, blocks: Blocks, cache_bytes: int) -> None:
        self._blocks = blocks
        self.shape = (int(blocks.starts[-1]), *blocks.row)
        self.dtype = blocks.dtype
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize
        self.failure: Exception | None = None
        self._cache = BlockCache(
            blocks=len(blocks),
            block_rows=int(np.diff(blocks.starts).max(initial=1)),
            row=blocks.row,
            dtype=blocks.dtype,
            most_bytes=cache_bytes,
        )
        self._readers = concurrent.futures.ThreadPoolExecutor(blocks.readers)
        self._turn = threading.Lock()

    @property
    def block_count(self) -> int:
        """In how many blocks the rows stand."""
        return len(self._blocks)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: int | slice | np.ndarray) -> np.ndarray:
        if isinstance(key, slice):
            return self.take(np.arange(*key.indices(len(self))))
        index = np.asarray(key)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        index = np.where(index < 0, index + len(self), index)
        return self.take(index.reshape(-1)).reshape(
            *index.shape, *self.shape[1:]
        )

    def take(self, index: np.ndarray) -> np.ndarray:
        """Returns rows by their numbers, [n, *row].

        Args:
          index: integers [n], in any order, each from 0.

        Raises:
          IndexError: there is no such row.
          UserError: they were changed meanwhile.
          ClusterError: they cannot be reached.
        """
        if len(index) and not 0 <= index.min() <= index.max() < len(self):
            raise IndexError(f"{self._blocks.name} has {len(self)} rows")
        rows = np.empty((len(index), *self.shape[1:]), self.dtype)
        with self._turn:
            try:
                self._fill(index, rows)
            except Exception as error:
                self.failure = error
                raise
        return rows

    def _fill(self, index: np.ndarray, rows: np.ndarray) -> None:
        starts = self._blocks.starts
        block = np.searchsorted(starts, index, side="right") - 1
        place = index - starts[block]
        order = np.argsort(block, kind="stable")
        in_order = block[order]
        needed, counts = np.unique(in_order, return_counts=True)
        is_here = self._cache.begin(needed)
        held = order[np.repeat(is_here, counts)]

        def pick(some: np.ndarray) -> None:
            rows[some] = self._cache.rows(block[some], place[some])

        def fetch(stretch: tuple[int, int]) -> None:
            start, stop = stretch
            fetched = self._blocks.fetch(start, stop)
            some = order[slice(*np.searchsorted(in_order, stretch))]
            rows[some] = fetched[index[some] - starts[start]]
            for number in range(start, stop):
                own = starts[[number, number + 1]] - starts[start]
                self._cache.keep(number, fetched[slice(*own)])

        # First what is here: what is fetched may take its place.
        _run_all(self._readers, pick, np.array_split(held, PARTS))
        _run_all(self._readers, fetch, self._stretches(needed[~is_here]))

    def _stretches(self, blocks: np.ndarray) -> Iterator[tuple[int, int]]:
        """Yields (first, one behind the last) of what is fetched at once.

        Args:
          blocks: int64, that are needed, in ascending order.
        """
        most, gap = self._blocks.most_blocks, self._blocks.gap_blocks
        start = stop = -1
        for number in blocks.tolist():
            if start >= 0 and (
                number - stop > gap or number + 1 - start > most
            ):
                yield start, stop
                start = -1
            if start < 0:
                start = number
            stop = number + 1
        if start >= 0:
            yield start, stop


def _run_all(
    threads: concurrent.futures.Executor,
    work: Callable[[Any], None],
    jobs: Iterable[Any],
) -> None:
    """Works off jobs, and begins no more once one has failed.

    Raises:
      Exception: the first that one raised, after all others have ended.
    """
    begun = [threads.submit(work, job) for job in jobs]
    concurrent.futures.wait(begun, return_when="FIRST_EXCEPTION")
    for job in begun:
        job.cancel()
    concurrent.futures.wait(begun)
    for job in begun:
        if not job.cancelled():
            job.result()
