"""Ends a run that hangs: a collective may wait for a dead peer for good."""

import contextlib
import faulthandler
import functools
import os
import statistics
import sys
import threading
from collections import defaultdict
from collections import deque
from collections.abc import Callable
from collections.abc import Hashable
from collections.abc import Iterator

from trainer.process.awake import ServedClock
from trainer.process.awake import TICK_SECS
from trainer.process.exits import CLUSTER_FAILED

LEAST_SECS = 60.0
# The first chunk traces and compiles, and waits for peers that still start.
FIRST_SECS = 900.0
MEDIAN_CHUNKS = 20
# The kind of a chunk of training.
_TRAINING = "training"


class Watchdog:
    """Leaves the process where no chunk has ended for too long.

    It is a thread that leaves by `os._exit`, since the main thread may be
    inside a native call that gives no control back. What the process slept
    through, stopped or suspended, or had no core for, does not count.

    Attributes:
      clock: by which it measures, and which it has tick.
    """

    def __init__(
        self,
        *,
        least_secs: float = LEAST_SECS,
        first_secs: float = FIRST_SECS,
        clock: ServedClock | None = None,
    ) -> None:
        """Sets the limits.

        Args:
          least_secs: the shortest time that counts as too long; the limit is
            the larger of this and 20 median chunks of the kind.
          first_secs: the limit until the first chunk of a kind has ended.
          clock: to measure by; one of its own by default.
        """
        self.clock = ServedClock() if clock is None else clock
        self._least_secs = least_secs
        self._first_secs = first_secs
        self._limit_secs = first_secs
        self._chunk_secs: dict[Hashable, deque[float]] = defaultdict(
            lambda: deque(maxlen=101)
        )
        self._step = 0
        self._closed = threading.Event()
        self._last = self.clock.served_secs()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def beat(self, step: int) -> None:
        """Says that a chunk of training has ended.

        Args:
          step: global steps done.
        """
        self._step = step
        self._end_chunk(_TRAINING)

    @contextlib.contextmanager
    def chunks(self, kind: Hashable) -> Iterator[Callable[[], None]]:
        """Holds chunks that are no training against others of their kind.

        Args:
          kind: of work that takes as long and is compiled as one, such as the
            scoring of a split.

        Yields:
          What says that one has ended.
        """
        with self._limited(self._limit_of(kind)):
            yield functools.partial(self._end_chunk, kind)

    def _end_chunk(self, kind: Hashable) -> None:
        self._chunk_secs[kind].append(self.clock.served_secs() - self._last)
        self._limit_secs = self._limit_of(kind)
        self.touch()

    def _limit_of(self, kind: Hashable) -> float:
        if kind not in self._chunk_secs:
            return self._first_secs
        median_secs = statistics.median(self._chunk_secs[kind])
        return max(self._least_secs, MEDIAN_CHUNKS * median_secs)

    def touch(self) -> None:
        """Says that something else has ended."""
        self._last = self.clock.served_secs()

    def patience(self) -> contextlib.AbstractContextManager[None]:
        """Allows for what no peer is in, such as a disk that is slow.

        The first chunk's limit holds.
        """
        return self._limited(self._first_secs)

    @contextlib.contextmanager
    def _limited(self, secs: float) -> Iterator[None]:
        before, self._limit_secs = self._limit_secs, secs
        self.touch()
        try:
            yield
        finally:
            self._limit_secs = before
            self.touch()

    def __enter__(self) -> "Watchdog":
        self.touch()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._thread.join()

    def is_overdue(self) -> bool:
        """Whether nothing has ended for too long."""
        return self.clock.served_secs() - self._last > self._limit_secs

    def _watch(self) -> None:
        while not self.is_overdue():
            if self._closed.wait(TICK_SECS):
                return
            self.clock.tick()
        print(
            f"strata: nothing has ended for {self._limit_secs:.0f} s after step"
            f" {self._step}; the stacks of all threads follow",
            file=sys.stderr,
            flush=True,
        )
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        os._exit(CLUSTER_FAILED)
