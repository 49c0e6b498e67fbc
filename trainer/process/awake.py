"""The time in which a process was awake: what it slept through is left out.

A process sleeps where it is stopped (Ctrl-Z), frozen with its container or
suspended with its machine. Nobody tells it so, but its own ticks stand still
meanwhile. CLOCK_MONOTONIC leaves out suspension alone, and that on Linux only.
"""

import threading
import time
from collections.abc import Callable

TICK_SECS = 1.0
# The most that may pass between two ticks of a process that is awake and on a
# machine that has too much to do; of a longer sleep so much is counted.
STILL_SECS = 3.0


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

    def tick(self) -> None:
        """Says that the process is awake."""
        with self._lock:
            now = self._now()
            self._counted += min(now - self._ticked, STILL_SECS)
            self._ticked = now

    def secs(self) -> float:
        """Returns the seconds awake since the clock was made."""
        with self._lock:
            since = self._now() - self._ticked
            return self._counted + min(since, STILL_SECS)
