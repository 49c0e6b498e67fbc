"""How a process ends: its codes, and the one line that says why."""

import contextlib
import errno
import functools
import io
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from collections.abc import Iterator
from typing import NoReturn

from trainer.process import plain_text

# Exit codes, for supervisors and schedulers: see the README.
DONE = 0
DEFECT = 1
MISTAKE = 2
DIVERGED = 3
STOPPED = 42
STOPPED_BY_USER = 43
STOPS = (STOPPED, STOPPED_BY_USER)
CLUSTER_FAILED = 75
# As a shell gives an end by a signal; `leave` has it be one, since a shell's
# loop ends by Ctrl-C only where the command in it was ended by it.
INTERRUPTED = 128 + signal.SIGINT
READER_LEFT = 128 + signal.SIGPIPE
HUNG_UP = 128 + signal.SIGHUP
_BY_SIGNAL = (INTERRUPTED, READER_LEFT, HUNG_UP)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# What a process may have of memory and open files is used up.
_LIMITS_MET = (errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_DISK_ERRORS = (
    *DISK_FULL,
    *_LIMITS_MET,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
    errno.EPERM,
    errno.EACCES,
    # Drives that were taken away, and disks behind a network.
    errno.ENODEV,
    errno.ENXIO,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    getattr(errno, "EREMOTEIO", errno.EIO),  # Linux's alone
)
_STREAMS = {"stdin": "r", "stdout": "w", "stderr": "w"}

# Workdirs that the command read and whose files have no checksums.
_unsealed: set[str] = set()
# Who hears of an end that no `finally` of the main thread sees.
_at_once: list[Callable[[int], None]] = []


class UserError(Exception):
    """A mistake that the user can mend: told in one line, exit code 2."""


class ClusterError(Exception):
    """A peer or the cluster failed: told in one line, exit code 75."""


def note_unsealed(workdir: str) -> None:
    """Notes a workdir without checksums: what fails after may be its fault."""
    _unsealed.add(workdir)


def tell(text: str) -> None:
    """Prints a text on stderr, as one line."""
    with contextlib.suppress(OSError):  # it may lie on a full disk
        print(f"strata: {' '.join(text.split())}", file=sys.stderr)


def leave(code: int) -> NoReturn:
    """Ends the process at once; all files are closed by now.

    To take down several replicas by itself takes TensorFlow from seconds to a
    minute, and more where a worker's peers are gone.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # they may lie on a full disk
            stream.flush()
    if code in _BY_SIGNAL:
        signal.signal(code - 128, signal.SIG_DFL)
        os.kill(os.getpid(), code - 128)
    os._exit(code)


@contextlib.contextmanager
def heard_at_once(hear: Callable[[int], None]) -> Iterator[None]:
    """Has a function hear the code of `leave_at_once` before it leaves."""
    _at_once.append(hear)
    try:
        yield
    finally:
        _at_once.remove(hear)


def leave_at_once(code: int) -> NoReturn:
    """Ends the process from a thread, whatever the main one is doing."""
    for hear in tuple(_at_once):
        hear(code)
    os._exit(code)


def verb(run: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Makes a command's `main` of it, whose every end is a code and a line.

    A UserError is told, with code 2, and so is any other error once files
    without a checksum were read; a peer, a bucket or a disk that failed, with
    code 75. Ctrl-C and a reader of stdout that leaves, such as `head`, need no
    word: codes 130 and 141.
    """

    @functools.wraps(run)
    def main(argv: list[str]) -> int:
        _open_closed()
        # What a terminal cannot show is a "?" there.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        with plain_text.shown():
            return _end_of(run, argv)

    return main


def _open_closed() -> None:
    """Opens what is closed of stdin, stdout and stderr, as daemons leave it.

    Else a file that is opened has its number, and what TensorFlow tells goes
    there.
    """
    for number, (name, mode) in enumerate(_STREAMS.items()):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the least number that is free
        if getattr(sys, name) is None:
            stream = open(number, mode, closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def _end_of(run: Callable[[list[str]], int], argv: list[str]) -> int:
    """Runs a command; returns its code, having told what went wrong."""
    _unsealed.clear()
    try:
        code = _code_of(run, argv)
        sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:
        code = code_of(error)
        if code == DEFECT:
            raise
        if code == READER_LEFT:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        elif code != INTERRUPTED:
            tell(_told_of(error))
        return code


def _told_of(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ClusterError):
        return f"a peer or the cluster failed: {error}"
    if is_of_disk(error):
        is_limit = getattr(error, "errno", None) in _LIMITS_MET
        what = "the system" if is_limit else "the disk"
        return (
            f"{what} failed: {error}; what was saved before stands, so"
            " mend it and start again"
        )
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{type(error).__name__} at {os.path.basename(place.filename)}:"
        f"{place.lineno} ({error}), while {' and '.join(sorted(_unsealed))}"
        " was read: the files are of an earlier version of Strata, without"
        " checksums, and may have been altered; restore them, or train again"
    )


def _code_of(run: Callable[[list[str]], int], argv: list[str]) -> int:
    """Returns a command's exit code; argparse leaves by itself at --help."""
    try:
        return run(argv)
    except SystemExit as left:
        if left.code is None or isinstance(left.code, int):
            return left.code or DONE
        raise  # with words of its own, which Python prints


def code_of(error: BaseException) -> int:
    """Returns the code that a command ends by where this ends it."""
    if isinstance(error, UserError):
        return MISTAKE
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError) and _is_reader_gone():
        return READER_LEFT
    if isinstance(error, ClusterError) or is_of_disk(error):
        return CLUSTER_FAILED
    # A file without a checksum may have been altered, and this be of that.
    is_unsealed = _unsealed and isinstance(error, Exception)
    return MISTAKE if is_unsealed else DEFECT


def _is_reader_gone() -> bool:
    """Whether nobody reads stdout or stderr any more."""
    waiting = select.poll()
    for descriptor in (1, 2):
        waiting.register(descriptor, 0)
    gone = select.POLLERR | select.POLLHUP
    return any(event & gone for _, event in waiting.poll(0))


def is_of_disk(error: BaseException) -> bool:
    """Whether the disk or system failed, by Python's error or TensorFlow's."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _DISK_ERRORS
    return any(os.strerror(number) in str(error) for number in DISK_FULL)
