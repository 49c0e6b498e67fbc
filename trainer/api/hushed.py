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


class SilentDisplay(Display):
    """Shows nothing of a run; warnings stand in the workdir all the same."""

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with contextlib.redirect_stdout(_Hushed(sys.stdout)):
            yield

    def writer(self, subject: Subject) -> Writer:
        return Writer()


class _Hushed(io.TextIOBase):
    """Drops what the thread prints that made it, and passes on all else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._thread = threading.get_ident()

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()
