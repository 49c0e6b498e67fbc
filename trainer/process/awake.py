"""The time in which a process was awake: what it slept through is left out.

A process sleeps where it is stopped (Ctrl-Z), frozen with its container or
suspended with its machine. Nobody tells it so, but its own ticks stand still
meanwhile. CLOCK_MONOTONIC leaves out suspension alone, and that on Linux only.

Under `nice`, on a machine that others keep busy, it is awake and has no core:
its ticks need little and come all the same. Who takes silence for a sign that
it hangs leaves that out, too.
"""

import contextlib
import glob
import threading
import time
from collections.abc import Callable

TICK_SECS = 1.0
# The most that may pass between two ticks of a process that is awake and on a
# machine that has too much to do; of a longer sleep so much is counted.
STILL_SECS = 3.0
# Threads that wait for each other by spinning, more of them than cores, have
# no core at times either: of what passes, so much is counted at least.
LEAST_SHARE = 0.1


def queued_secs() -> float:
    """Returns how long this process's threads were ready and had no core.

    The sum over those that live: 0 where the system is not Linux.
    """
    nanos = 0
    for path in glob.iglob("/proc/self/task/*/schedstat"):
        # A thread may have ended, and a kernel may not count.
        with contextlib.suppress(OSError, IndexError), open(path) as file:
            nanos += int(file.read().split()[1])
    return nanos / 1e9


class AwakeClock:
    """A clock that stands still while its process does.

    Whoever measures silence by it calls `tick` about once a second. It takes
    any number of threads.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begins at 0.

        Args:
          now: seconds of a clock that cannot be set.
        """
        self._now = now
        self._lock = threading.Lock()
        self._ticked = now()
        self._counted = 0.0

    def tick(self) -> float:
        """Says that the process is awake; returns the seconds that it was."""
        with self._lock:
            now = self._now()
            awake = min(now - self._ticked, STILL_SECS)
            self._counted += awake
            self._ticked = now
            return awake

    def secs(self) -> float:
        """Returns the seconds awake since the clock was made."""
        with self._lock:
            since = self._now() - self._ticked
            return self._counted + min(since, STILL_SECS)


class ServedClock(AwakeClock):
    """A clock that knows, too, how long the process had a core.

    One thread calls `tick`.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.monotonic,
        queued: Callable[[], float] = queued_secs,
    ) -> None:
        """Begins at 0.

        Args:
          now: seconds of a clock that cannot be set.
          queued: seconds for which there was no core.
        """
        super().__init__(now)
        self._queued_secs, self._queued = queued, queued()
        self._starved = 0.0

    def tick(self) -> float:
        """Says that the process is awake, and looks what it had no core for."""
        awake, queued = super().tick(), self._queued_secs()
        starved = max(queued - self._queued, 0.0)
        self._starved += min(starved, (1 - LEAST_SHARE) * awake)
        self._queued = queued
        return awake

    def served_secs(self) -> float:
        """Returns the seconds awake, less those without a core, as ticked.

        A tick may set it back by what it finds, a second or so.
        """
        return self.secs() - self._starved
