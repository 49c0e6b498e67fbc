"""How a process ends: its codes, and the one line that says why."""

import contextlib
import functools
import os
import sys
from collections.abc import Callable
from typing import NoReturn

# Exit codes, for supervisors and schedulers: see the README.
DONE = 0
MISTAKE = 2
DIVERGED = 3
STOPPED = 42
STOPPED_BY_USER = 43
CLUSTER_FAILED = 75
# As a shell says of a process that Ctrl-C ended.
INTERRUPTED = 130


class UserError(Exception):
    """A mistake that the user can mend: told in one line, exit code 2."""


class ClusterError(Exception):
    """A peer or the cluster failed: told in one line, exit code 75."""


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
    os._exit(code)


def verb(run: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Makes a command's `main` of it: a UserError is told, with code 2."""

    @functools.wraps(run)
    def main(argv: list[str]) -> int:
        try:
            return run(argv)
        except UserError as error:
            tell(str(error))
            return 2

    return main
