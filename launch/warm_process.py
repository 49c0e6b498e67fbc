"""The process that `trainer.launch.warm` has fork trainers.

  python -m trainer.launch.warm_process ORDERS

ORDERS is the descriptor of a socket, by which orders come; it ends with it.
"""

import contextlib
import fcntl
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from typing import NoReturn

from trainer.process.interruption import end_at_once
from trainer.process.parent import die_with_parent

MOST_DESCRIPTORS = 64
# `python -m` makes these its `__main__`, and reads no other copy of them.
DOORS = ("trainer.task", "trainer.api.side_by_side", "trainer.__main__")
# No trainer imports these, or only where it is asked to; what they import may
# not be there.
APART = (
    "trainer.configs",
    "trainer.journal.mlflow_tracker",
    "trainer.journal.wandb_tracker",
    "trainer.launch",
    "trainer.server",
    "trainer.workbench",
)
# Ignored in the background of a shell, and then in children, too.
_ON_INTERRUPT = signal.getsignal(signal.SIGINT)


def import_trainer() -> None:
    """Imports what trainers import, as they do, and makes no device."""
    import sklearn.datasets  # noqa: F401

    # By their names: a launcher knows of the trainer no more than these.
    start = importlib.import_module("trainer.devices.start")
    with start.eased():
        importlib.import_module("keras")
        importlib.import_module("tensorflow")
    folder = importlib.import_module("trainer").__path__
    for found in pkgutil.walk_packages(folder, "trainer."):
        if found.name not in DOORS and not found.name.startswith(APART):
            # One of an extra that is not here is left out.
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(found.name)
    # What is there stays: no child looks for garbage in it.
    gc.freeze()


def take(received: list[int], wanted: Mapping[int, int]) -> None:
    """Gives descriptors the numbers under which a program looks for them."""
    aside = {fd: fcntl.fcntl(fd, fcntl.F_DUPFD, 256) for fd in received}
    for descriptor in received:
        os.close(descriptor)
    for number, descriptor in wanted.items():
        os.dup2(aside[descriptor], number)
    for descriptor in aside.values():
        os.close(descriptor)


def become(words: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Is `python -m WORDS` from here on.

    Args:
      words: the module and its arguments.
      environment: all of its variables.
    """
    signal.signal(signal.SIGINT, _ON_INTERRUPT)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [sys.executable, *words[1:]]
    sys.orig_argv = [sys.executable, "-m", *words]
    # The server's own believes to be where that one stands.
    is_direct = "PYTHONUNBUFFERED" in environment
    raw = open(1, "wb", 0 if is_direct else -1, closefd=False)  # noqa: SIM115
    own = io.TextIOWrapper(
        raw, "utf-8", line_buffering=os.isatty(1), write_through=is_direct
    )
    for name in ("stdout", "__stdout__"):
        setattr(sys, name, own)
    code: object = 0
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as left:
        code = left.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


class _Server:
    """Forks a child for each order, and tells how each one ended."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._statuses: dict[int, int] = {}  # by process
        self._ended, heard = os.pipe()
        os.set_blocking(self._ended, False)
        os.set_blocking(heard, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(heard, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Works until there is nobody to give an order."""
        while True:
            orders = self._orders.fileno()
            ready, _, _ = select.select([orders, self._ended], [], [])
            if self._ended in ready:
                os.read(self._ended, 1024)
                self._reap()
            if orders in ready:
                told, descriptors, _, _ = socket.recv_fds(
                    self._orders, 64, MOST_DESCRIPTORS
                )
                if not told:
                    return
                status, written, *received = descriptors
                with open(written, "rb") as file:
                    file.seek(0)
                    order = json.load(file)
                self._start(order, status, *received)

    def _start(self, order: dict, status: int, *received: int) -> None:
        own = os.getpid()
        process = os.fork()
        if process == 0:
            die_with_parent()
            if os.getppid() != own:  # it died before that
                os._exit(1)
            self._be(order, [status, *received])
        for descriptor in received:
            os.close(descriptor)
        self._statuses[process] = status
        _tell(status, process)

    def _be(self, order: dict, received: list[int]) -> NoReturn:
        """Is the child of an order from here on."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        self._orders.close()
        for descriptor in self._statuses.values():
            os.close(descriptor)
        # Who reads it finds its end only once this process has ended, too.
        fcntl.fcntl(received[0], fcntl.F_DUPFD_CLOEXEC, 256)
        os.close(received[0])
        wanted = zip(order["numbers"], received[1:], strict=True)
        take(received[1:], dict(wanted))
        os.chdir(order["folder"])
        if order["cores"]:
            os.sched_setaffinity(0, order["cores"])
        become(order["words"], order["environment"])

    def _reap(self) -> None:
        while self._statuses:
            process, end = os.waitpid(-1, os.WNOHANG)
            if not process:
                return
            status = self._statuses.pop(process)
            _tell(status, os.waitstatus_to_exitcode(end))
            os.close(status)


def _tell(status: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # who asked need not wait
        os.write(status, f"{number}\n".encode())


def main(orders: int) -> None:
    """Serves the orders that come by a socket's descriptor."""
    # No Ctrl-C comes here. It ends a child that is no trainer yet without a
    # word, as it does a trainer that only began.
    end_at_once()
    import_trainer()
    _Server(socket.socket(fileno=orders)).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
