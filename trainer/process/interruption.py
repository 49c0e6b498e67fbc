"""A signal that ends the process waits until half a file is removed."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ENDING = (signal.SIG_DFL, signal.default_int_handler)


class SignalledError(KeyboardInterrupt):
    """A signal that ends the process once what is half written is removed."""


def end_at_once() -> None:
    """Has Ctrl-C end the process as SIGTERM does, whatever it is doing.

    Python's own way prints a traceback, and waits for native code to return.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Has a signal that would end the process raise here, then end it.

    It ends by the signal even where something on the way took the exception
    for its own. A signal that is ignored or heard elsewhere is left alone.

    Raises:
      SignalledError: within, once.
    """
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise SignalledError(signal.Signals(number).name)

    is_main = threading.current_thread() is threading.main_thread()
    before = {
        number: signal.signal(number, hear)
        for number in _SIGNALS
        if is_main and signal.getsignal(number) in _ENDING
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if heard:
            os.kill(os.getpid(), heard[0])
