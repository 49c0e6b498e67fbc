"""Requests to stop, heard at the next chunk boundary by all workers alike."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

import numpy as np

# Exit codes that supervisors and schedulers read.
BY_SURROUNDINGS = 42
BY_USER = 43

_SIGNALS = {
    signal.SIGTERM: BY_SURROUNDINGS,
    signal.SIGUSR1: BY_SURROUNDINGS,
    signal.SIGINT: BY_USER,
}
_CODES = (BY_SURROUNDINGS, BY_USER)


class Stop:
    """What this process was asked to do.

    Attributes:
      flags: float32 [2], 1 where its surroundings or its user asked; the step
        adds them up over workers.
    """

    def __init__(self) -> None:
        self.flags = np.zeros(len(_CODES), np.float32)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Hears SIGTERM, SIGUSR1 and SIGINT; a second SIGINT ends at once."""

        def hear(number: int, frame: FrameType | None) -> None:
            place = _CODES.index(_SIGNALS[signal.Signals(number)])
            if number == signal.SIGINT and self.flags[place]:
                raise KeyboardInterrupt
            self.flags[place] = 1

        before = {number: signal.signal(number, hear) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def code_of(flags: np.ndarray) -> int | None:
    """Returns the exit code that flags, added up over workers, ask for."""
    asked = [c for c, flag in zip(_CODES, flags, strict=True) if flag > 0]
    return max(asked) if asked else None
