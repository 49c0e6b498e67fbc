"""Runs modules in children of a process that has TensorFlow imported.

A test that watches a trainer from outside waits 3 s for its imports alone. The
server has them done, and no device made. Each run gets a process of its own,
with the environment, output, signals and exit code of `python -m MODULE`. Its
threads, its devices and its first frame are its own, too.

  python -m tests.fork_server DESCRIPTOR

The descriptor is of a socket; the server ends with the one at its other end.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from typing import IO
from typing import NoReturn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# `python -m` makes these its `__main__`, and reads no other copy of them.
DOORS = ("trainer.task", "trainer.__main__")
MOST_BYTES = 2**17


class Run:
    """A child of the server, with what tests use of `subprocess.Popen`.

    Attributes:
      pid: of the child.
      stdout: what it prints, where a pipe was asked for.
      returncode: as Popen's; None while it runs.
    """

    def __init__(self, status: IO[str], stdout: IO[str] | None) -> None:
        self.stdout = stdout
        self.pid = int(status.readline())
        self.returncode: int | None = None
        self._end = threading.Thread(
            target=self._wait_for_end, args=(status,), daemon=True
        )
        self._end.start()

    def _wait_for_end(self, status: IO[str]) -> None:
        with status:
            self.returncode = int(status.readline())

    def poll(self) -> int | None:
        """Returns the exit code, or None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Returns the exit code, once there is one.

        Raises:
          subprocess.TimeoutExpired: there is none in time.
        """
        self._end.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(f"run {self.pid}", timeout or 0)
        return self.returncode

    def communicate(self, timeout: float = 3600) -> tuple[str, None]:
        """Returns what it still prints, once it has ended.

        Raises:
          subprocess.TimeoutExpired: it has not in time.
        """
        deadline = time.monotonic() + timeout
        read: list[str] = []
        if self.stdout is not None:
            take = functools.partial(_take_all, self.stdout, read)
            reader = threading.Thread(target=take, daemon=True)
            reader.start()
            reader.join(timeout)
        self.wait(max(deadline - time.monotonic(), 0.0))
        return "".join(read), None

    def send_signal(self, number: int) -> None:
        """Sends a signal, where it still runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it, where it still runs."""
        self.send_signal(signal.SIGKILL)


def _take_all(stream: IO[str], read: list[str]) -> None:
    with stream:
        read.append(stream.read())


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen]:
    """Starts this process's server, at the first run."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(_end, ours, process)
    return ours, process


def _end(ours: socket.socket, process: subprocess.Popen) -> None:
    ours.close()
    process.wait()


def start(
    module: str,
    *arguments: object,
    environment: Mapping[str, str],
    stdout: int | IO = subprocess.PIPE,
) -> Run:
    """Starts `python -m MODULE ARGUMENTS` in the project's folder.

    Args:
      module: to run.
      arguments: of its command line.
      environment: all of its variables.
      stdout: a file for what it prints, on stderr too, or PIPE.
    """
    words = [module, *map(str, arguments)]
    order = json.dumps([words, dict(environment)]).encode()
    status, theirs = os.pipe()
    given = [theirs]
    output = None
    if stdout == subprocess.PIPE:
        reading, writing = os.pipe()
        given += [writing]
        output = open(reading)  # noqa: SIM115
        sending = [writing, theirs]
    else:
        sending = [stdout if isinstance(stdout, int) else stdout.fileno()]
        sending += [theirs]
    socket.send_fds(_server()[0], [order], sending)
    for descriptor in given:
        os.close(descriptor)
    return Run(open(status), output)


def _import_all() -> None:
    """Imports what trainers import, as they do."""
    import sklearn.datasets  # noqa: F401

    import trainer
    from trainer.devices import start as tensorflow_start

    with tensorflow_start.eased():
        import keras  # noqa: F401
        import tensorflow  # noqa: F401
    for found in pkgutil.walk_packages(trainer.__path__, "trainer."):
        if found.name not in DOORS:
            importlib.import_module(found.name)


def _serve(orders: socket.socket) -> None:
    """Starts a run for each order, until there is nobody to give one."""
    while True:
        order, descriptors, _, _ = socket.recv_fds(orders, MOST_BYTES, 2)
        if not order:
            return
        output, status = descriptors
        if os.fork() == 0:
            orders.close()
            words, environment = json.loads(order)
            _watch(words, environment, output, status)
        os.close(output)
        os.close(status)


def _watch(
    words: list[str], environment: dict[str, str], output: int, status: int
) -> NoReturn:
    """Forks the run itself, and tells its number and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child == 0:
        os.close(status)
        _become(words, environment, output)
    os.close(output)
    os.write(status, f"{child}\n".encode())
    _, end = os.waitpid(child, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(end)}\n".encode())
    os._exit(0)


def _become(
    words: list[str], environment: dict[str, str], output: int
) -> NoReturn:
    """Is `python -m WORDS` from here on."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [sys.executable, *words[1:]]
    sys.orig_argv = [sys.executable, "-m", *words]
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(write_through="PYTHONUNBUFFERED" in environment)
    code: object = 0
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as left:
        code = left.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code if isinstance(code, int) else 1)


def main(descriptor: int) -> None:
    # Who ends a test run by the keyboard ends its runs, too.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nobody waits for those who watch a run.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _import_all()
    gc.freeze()
    _serve(socket.socket(fileno=descriptor))


if __name__ == "__main__":
    main(int(sys.argv[1]))
