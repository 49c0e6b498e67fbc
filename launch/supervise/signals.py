"""Signals to a launcher or supervisor, which it passes on by itself."""

import contextlib
import queue
import signal
from collections.abc import Iterator
from types import FrameType

from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import INTERRUPTED
from trainer.process.facts import is_ignored


class Signals:
    """What this process itself is told, in its order.

    A signal that is ignored at its start is not heard.

    Attributes:
      received: all of them so far.
    """

    def __init__(self, *, hears_hangup: bool = True) -> None:
        """Has heard nothing yet.

        Args:
          hears_hangup: whether SIGHUP, which comes where a terminal is closed,
            is taken for SIGTERM.
        """
        heard = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
        if hears_hangup:
            heard.append(signal.SIGHUP)
        self._heard = [number for number in heard if not is_ignored(number)]
        self.received: list[signal.Signals] = []
        self._new: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()

    def add(self, number: signal.Signals) -> None:
        self.received.append(number)
        self._new.put(number)

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Catches this process's own signals meanwhile."""

        def hear(number: int, frame: FrameType | None) -> None:
            is_hangup = number == signal.SIGHUP
            self.add(signal.SIGTERM if is_hangup else signal.Signals(number))

        before = {n: signal.signal(n, hear) for n in self._heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def take(self, timeout_secs: float) -> signal.Signals | None:
        """Returns the next one, or None after a while without one."""
        with contextlib.suppress(queue.Empty):
            return self._new.get(timeout=timeout_secs)
        return None

    def unsaved_code(self) -> int:
        """Returns the exit code where none wrote a checkpoint in answer."""
        by_user = self.received[0] == signal.SIGINT
        return INTERRUPTED if by_user else CLUSTER_FAILED
