"""Adaptive batching: requests that wait are run together.

While one batch runs others gather, and are the next one; where nobody asks at
the same time nobody waits. A batch is padded to one of a few sizes, so that
nothing is compiled or planned while requests wait.
"""

import asyncio
import collections
import concurrent.futures
import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from trainer.server.refusals import overloaded

# A batch that takes no longer runs in the loop itself: to hand it to a thread
# and back would take as long.
QUICK_SECS = 0.002
# Run so often before anybody asks: the first plans, the best tells the time.
WARM_RUNS = 3

Run = Callable[[np.ndarray], np.ndarray]


class Outputs(NamedTuple):
    """A request's outputs, and how they came about.

    Attributes:
      values: float32 [rows, outputs].
      batch_rows: the size of the batch that its first row was in.
    """

    values: np.ndarray
    batch_rows: int


class _Part(NamedTuple):
    """Rows of a request, as many as a batch takes at most."""

    rows: np.ndarray
    is_last: bool
    since: float
    done: "asyncio.Future[Outputs]"


def sizes_of(most_rows: int) -> tuple[int, ...]:
    """Returns the sizes of batches: powers of two, and the largest."""
    powers = (2**n for n in range(most_rows.bit_length()))
    return (*(size for size in powers if size < most_rows), most_rows)


class Batcher:
    """Runs the rows of many requests, batch by batch.

    Attributes:
      sizes: of batches.
      waiting: requests that no batch has taken yet to their end.
      watch: is told of each batch: its rows and its size.
      watch_queue: is told how many wait.
    """

    def __init__(
        self,
        run: Run,
        blank: np.ndarray,
        most_rows: int,
        *,
        wait_secs: float = 0.0,
        most_waiting: int = 1000,
        watch: Callable[[int, int], None] = lambda *_: None,
        watch_queue: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Warms up: each size is run before anybody asks.

        Args:
          run: from a batch, [size, *shape], to its outputs.
          blank: a row as it is stored, [*shape].
          most_rows: of a batch.
          wait_secs: how long a row may wait for others.
          most_waiting: requests in the queue.
          watch: is told of each batch.
          watch_queue: is told how many wait, where fewer do.
        """
        self.sizes = sizes_of(most_rows)
        self.waiting = 0
        self.watch = watch
        self.watch_queue = watch_queue
        self._run = run
        self._blank = blank
        self._wait_secs = wait_secs
        self._most_waiting = most_waiting
        self._parts: collections.deque[_Part] = collections.deque()
        self._rows = 0
        self._is_running = False
        # When the next batch is looked for, and whether it waits to be full.
        self._is_waiting = False
        self._timer: asyncio.Handle | None = None
        self._thread = concurrent.futures.ThreadPoolExecutor(
            1, thread_name_prefix="strata-batches"
        )
        self._is_quick = {size: self._warm(size) for size in self.sizes}

    @property
    def most_rows(self) -> int:
        """Rows of the largest batch."""
        return self.sizes[-1]

    async def outputs_of(self, rows: np.ndarray) -> Outputs:
        """Returns the outputs of a request's rows, [rows, *shape].

        Raises:
          RefusedError: too many requests wait.
        """
        if self.waiting >= self._most_waiting:
            raise overloaded(
                f"{self.waiting} requests wait, as many as may; ask again"
            )
        starts = range(0, len(rows), self.most_rows)
        parts = [
            self._put(rows[start : start + self.most_rows], start == starts[-1])
            for start in starts
        ]
        try:
            found = [await part for part in parts]
        finally:
            for part in parts:
                # Of one that failed the others' failures were told with it.
                if not part.cancel() and not part.cancelled():
                    part.exception()
            self._take_out()
        if len(found) == 1:
            return found[0]
        values = np.concatenate([part.values for part in found])
        return Outputs(values, found[0].batch_rows)

    def _take_out(self) -> None:
        """Takes out those who gave up, who are to keep nobody out."""
        gone = [part for part in self._parts if part.done.cancelled()]
        if not gone:
            return
        left = (part for part in self._parts if not part.done.cancelled())
        self._parts = collections.deque(left)
        self.waiting -= sum(part.is_last for part in gone)
        self._rows -= sum(len(part.rows) for part in gone)
        self.watch_queue(self.waiting)

    def _put(
        self, rows: np.ndarray, is_last: bool
    ) -> "asyncio.Future[Outputs]":
        loop = asyncio.get_running_loop()
        part = _Part(rows, is_last, loop.time(), loop.create_future())
        self._parts.append(part)
        self.waiting += is_last
        self._rows += len(rows)
        if self._rows >= self.most_rows and self._is_waiting:
            self._cancel()
        if not self._is_running and self._timer is None:
            # Not at once: what came in with it is to be run with it.
            self._timer = loop.call_soon(self._start)
        return part.done

    def _cancel(self) -> None:
        """Waits no longer for rows that fill a batch."""
        assert self._timer is not None
        self._timer.cancel()
        self._timer, self._is_waiting = None, False

    def _start(self) -> None:
        """Runs the next batch, where there is one to run now."""
        self._timer, self._is_waiting = None, False
        loop = asyncio.get_running_loop()
        while self._parts and not self._is_running:
            wait_secs = self._wait_left(loop.time())
            if wait_secs > 0:
                self._timer = loop.call_later(wait_secs, self._start)
                self._is_waiting = True
                return
            taken = self._take()
            self.watch_queue(self.waiting)
            if not taken:
                continue
            batch, rows = self._padded(taken)
            self.watch(rows, len(batch))
            if self._is_quick[len(batch)]:
                self._run_here(taken, batch)
                # Others are to be heard between two batches.
                if self._parts:
                    self._timer = loop.call_soon(self._start)
                return
            self._is_running = True
            task = loop.run_in_executor(self._thread, self._run, batch)
            task.add_done_callback(
                functools.partial(self._end, taken, len(batch))
            )

    def _wait_left(self, now: float) -> float:
        if not self._wait_secs or self._rows >= self.most_rows:
            return 0.0
        return self._parts[0].since + self._wait_secs - now

    def _take(self) -> list[_Part]:
        """Takes the parts of a batch, those who gave up left out."""
        taken, rows = list[_Part](), 0
        while self._parts:
            part = self._parts[0]
            if rows + len(part.rows) > self.most_rows:
                break
            self._parts.popleft()
            self.waiting -= part.is_last
            self._rows -= len(part.rows)
            if not part.done.done():
                taken.append(part)
                rows += len(part.rows)
        return taken

    def _padded(self, taken: list[_Part]) -> tuple[np.ndarray, int]:
        rows = sum(len(part.rows) for part in taken)
        size = next(size for size in self.sizes if size >= rows)
        if rows == size and len(taken) == 1:
            return taken[0].rows, rows
        batch = np.zeros((size, *self._blank.shape), self._blank.dtype)
        np.concatenate([part.rows for part in taken], out=batch[:rows])
        return batch, rows

    def _run_here(self, taken: list[_Part], batch: np.ndarray) -> None:
        try:
            outputs = self._run(batch)
        except Exception as error:
            _fail(taken, error)
        else:
            _hand_out(taken, outputs, len(batch))

    def _end(self, taken: list[_Part], size: int, done: asyncio.Future) -> None:
        self._is_running = False
        error = done.exception()
        if error is not None:
            _fail(taken, error)
        else:
            _hand_out(taken, done.result(), size)
        self._start()

    def _warm(self, size: int) -> bool:
        """Runs a size; returns whether it is quick."""
        batch = np.zeros((size, *self._blank.shape), self._blank.dtype)
        took_secs = []
        for _ in range(WARM_RUNS):
            began = time.perf_counter()
            self._run(batch)
            took_secs.append(time.perf_counter() - began)
        return min(took_secs) <= QUICK_SECS


def _hand_out(taken: list[_Part], outputs: np.ndarray, size: int) -> None:
    start = 0
    for part in taken:
        stop = start + len(part.rows)
        if not part.done.done():
            part.done.set_result(Outputs(outputs[start:stop], size))
        start = stop


def _fail(taken: list[_Part], error: BaseException) -> None:
    for part in taken:
        if not part.done.done():
            part.done.set_exception(error)
