"""A call that prints nothing, in a program whose other threads go on to."""

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

from trainer.journal.display import Display
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.process.together import together


class SilentDisplay(Display):
    """Shows nothing of a run; warnings stand in the workdir all the same."""

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with _hushed() as hushed, hushed.here():
            yield

    def writer(self, subject: Subject) -> Writer:
        return Writer()


class _Hushed(io.TextIOBase):
    """Drops what some threads print, and passes on all else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._threads: set[int] = set()

    @contextlib.contextmanager
    def here(self) -> Iterator[None]:
        """Drops what this thread prints."""
        thread = threading.get_ident()
        self._threads.add(thread)
        try:
            yield
        finally:
            self._threads.discard(thread)

    def write(self, text: str) -> int:
        if threading.get_ident() not in self._threads:
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


@together
@contextlib.contextmanager
def _hushed() -> Iterator[_Hushed]:
    """Puts one stream in stdout's place, whose threads come and go."""
    with contextlib.redirect_stdout(_Hushed(sys.stdout)) as hushed:
        yield hushed
