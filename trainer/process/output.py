"""Stdout and stderr by which nobody can end this process, or block it.

Whoever reads them may leave (`| head`, a dead terminal), stand still (Ctrl-S,
a stopped pager) or be a disk that is full. What they do not take goes on in a
file of the workdir.
"""

import contextlib
import fcntl
import io
import os
import pathlib
import select
import stat
import sys
import threading
from typing import Any
from typing import BinaryIO
from typing import TextIO

from trainer.process.exits import UserError
from trainer.process.no_link import no_link
from trainer.process.plain_text import beneath
from trainer.process.plain_text import Plain

# How long a reader may take nothing before the process goes on without it.
PATIENCE_SECS = 5.0
# Kept until there is a workdir to write to.
MOST_WAITING_BYTES = 1 << 20
# A pipe that takes anything takes so much.
_PIECE_BYTES = 4096


def worker_log(workdir: pathlib.Path, index: int) -> pathlib.Path:
    """Returns where the lines of a job's process are kept."""
    return workdir / "logs" / f"worker_{index}.log"


def supervisor_log(workdir: pathlib.Path) -> pathlib.Path:
    """Returns where a supervisor's lines go on that nobody takes."""
    return workdir / "logs" / "supervisor.log"


class Log:
    """A file DIR/logs/NAME, which is written once there is a DIR.

    The trainer makes the workdir when it has found no mistake; until then what
    is written waits. A disk that fails costs lines, and nothing else.

    Attributes:
      path: of the file; None where it is not known yet, or there is none.
    """

    def __init__(
        self, path: pathlib.Path | None = None, *, is_jobs: bool = False
    ) -> None:
        """Names the file.

        Args:
          path: of it, if it is known.
          is_jobs: whether a job's supervisor writes to it: of two in one
            workdir the first alone, until it ends.
        """
        self.path = path
        self._is_jobs = is_jobs
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._file: BinaryIO | None = None

    def write(self, data: bytes | memoryview) -> None:
        """Appends to the file, or waits for it."""
        with self._lock, contextlib.suppress(OSError, UserError):
            self._waiting += data[: MOST_WAITING_BYTES - len(self._waiting)]
            self._open()
            if self._file is not None:
                waiting, self._waiting = self._waiting, bytearray()
                self._file.write(waiting)

    def _open(self) -> None:
        if self._file is None and self.path and self.path.parents[1].is_dir():
            self.path.parent.mkdir(exist_ok=True)
            file = open(  # noqa: SIM115
                self.path, "ab", buffering=0, opener=no_link
            )
            if self._is_jobs and _is_anothers(file):
                file.close()
                self.path = None
            else:
                self._file = file

    def close(self) -> None:
        """Closes the file; what waits still is lost."""
        with self._lock:
            if self._file is not None:
                self._file.close()

    def stand_in(self, descriptor: int) -> bool:
        """Has a descriptor be of the file, for whoever writes by itself.

        Returns:
          Whether there is a file.
        """
        if self._file is None:
            return False
        os.dup2(self._file.fileno(), descriptor)
        return True


def _is_anothers(file: BinaryIO) -> bool:
    """Whether another job, which goes on, writes to a file; takes it if not."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # a file system without such locks
    return False


class Guarded(io.RawIOBase):
    """A stream whose reader may leave or stand still."""

    def __init__(self, descriptor: int, log: Log) -> None:
        """Stands before a descriptor.

        Args:
          descriptor: of stdout or stderr, to which native code writes too.
          log: takes what the reader does not.
        """
        self._descriptor = descriptor
        self._log = log
        self._reader = _own(descriptor)
        self._is_lost = self._has_stand_in = False

    def write(self, data: Any) -> int:
        """Writes all of it, to the reader or else to the log."""
        left = memoryview(data).cast("B")
        written = len(left)
        left = self._offer(left)
        if left:
            self._log.write(left)
            self._is_lost = True
            if not self._has_stand_in:  # the file may not be there yet
                self._has_stand_in = self._log.stand_in(self._descriptor)
        return written

    def _offer(self, left: memoryview) -> memoryview:
        """Returns what the reader does not take."""
        patience_secs = 0.0 if self._is_lost else PATIENCE_SECS
        while left and _takes(self._reader, patience_secs):
            try:
                if self._is_lost:
                    self._return()
                left = left[os.write(self._reader, left[:_PIECE_BYTES]) :]
            except OSError:
                break
        return left

    def _return(self) -> None:
        """Goes on with a reader that is there again."""
        where = self._log.path or "nowhere: there is no workdir of this job's"
        words = f"\nstrata: what was not taken is in {where}\n"
        os.write(self._reader, words.encode())
        os.dup2(self._reader, self._descriptor)
        self._is_lost = self._has_stand_in = False

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._reader)

    def fileno(self) -> int:
        return self._descriptor


def _own(descriptor: int) -> int:
    """Returns a descriptor of the same, which does not block where it may.

    Not by a flag of the one that is there: the shell has it too.
    """
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(kind) or os.isatty(descriptor):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
        with contextlib.suppress(OSError):
            return os.open(f"/proc/self/fd/{descriptor}", flags)
    return os.dup(descriptor)


def _takes(descriptor: int, patience_secs: float) -> bool:
    """Whether a reader takes anything, or is gone, within some time."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(1e3 * patience_secs))


_log = Log()


def guard() -> None:
    """Guards this process's stdout and stderr from here on, to its end."""
    sys.stdout = _guard_own(sys.stdout, sys.__stdout__)
    sys.stderr = _guard_own(sys.stderr, sys.__stderr__)


def _guard_own(stream: TextIO, own: TextIO | None) -> TextIO:
    if own is None or beneath(stream) is not own:
        return stream
    if isinstance(stream, Plain):
        stream.stream = _guarded(own)
        return stream
    return _guarded(own)


def keep_in(path: pathlib.Path) -> None:
    """Says in which file DIR/logs/NAME goes on what nobody takes."""
    _log.path = path


def _guarded(stream: TextIO) -> TextIO:
    raw = Guarded(stream.fileno(), _log)
    is_direct = getattr(stream, "write_through", False)
    buffer: Any = raw if is_direct else io.BufferedWriter(raw)
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=getattr(stream, "line_buffering", False),
        write_through=is_direct,
    )
