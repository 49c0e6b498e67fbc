"""Requests to stop, heard at the next chunk boundary by all workers alike."""

import contextlib
import os
import pathlib
import signal
from collections.abc import Iterator
from types import FrameType

import numpy as np

from trainer import record
from trainer.cluster import STOPPED
from trainer.cluster import STOPPED_BY_USER

_SIGNALS = {
    signal.SIGTERM: STOPPED,
    signal.SIGUSR1: STOPPED,
    signal.SIGINT: STOPPED_BY_USER,
}
# A job that runs under one of these is started again by it.
SCHEDULERS = ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST")
_CODES = (STOPPED, STOPPED_BY_USER)


class Stop:
    """What this process was asked to do.

    Attributes:
      flags: float32 [2], 1 where its surroundings or its user asked; the step
        adds them up over workers.
    """

    def __init__(
        self, stop_file: pathlib.Path, max_secs: float | None = None
    ) -> None:
        """Prepares to listen.

        Args:
          stop_file: whose appearance is the user's wish; the chief removes it.
          max_secs: age of this process at which it stops. Under a scheduler
            that is the surroundings' wish, and else the user's.
        """
        self.flags = np.zeros(len(_CODES), np.float32)
        self._stop_file = stop_file
        self._max_secs = max_secs

    def _ask(self, code: int) -> None:
        self.flags[_CODES.index(code)] = 1

    def poll(self) -> np.ndarray:
        """Returns the flags, after a look at the file and the clock."""
        if self._stop_file.exists():
            self._ask(STOPPED_BY_USER)
        if self._max_secs and record.process_age_secs() >= self._max_secs:
            scheduled = any(name in os.environ for name in SCHEDULERS)
            self._ask(STOPPED if scheduled else STOPPED_BY_USER)
        return self.flags

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Hears SIGTERM, SIGUSR1 and SIGINT; a second SIGINT ends at once."""

        def hear(number: int, frame: FrameType | None) -> None:
            code = _SIGNALS[signal.Signals(number)]
            if code == STOPPED_BY_USER and self.flags[_CODES.index(code)]:
                raise KeyboardInterrupt
            self._ask(code)

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
