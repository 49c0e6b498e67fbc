"""Runs of the fork server, which tests start and watch."""

import atexit
import contextlib
import functools
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import IO

from tests import stand_in_python
from tests.fork_server import COMPILED
from tests.fork_server import keeping
from tests.fork_server import ROOT


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


class Server:
    """A fork server of this process, which ends with it.

    Args:
      program: a Python, the module of the server and its arguments.

    Attributes:
      orders: where it is told what to run.
      folder: holds a Python whose programs are runs of the server, and what
        they compile.
    """

    def __init__(self, *program: str) -> None:
        self.orders, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-python-"))
        (self.folder / "bin").mkdir()
        pythons = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pythons.bind(os.fspath(self.folder / "bin/server"))
        pythons.listen()
        passed = [theirs.fileno(), pythons.fileno()]
        with theirs, pythons:
            self._process = subprocess.Popen(
                [*program, *map(str, passed)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=passed,
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self.orders.close()
        self._process.wait()
        shutil.rmtree(self.folder)

    def write_python(self, real: str) -> str:
        """Writes the Python of its runs; returns the path.

        Args:
          real: what it becomes where it is to run anything else.
        """
        program = self.folder / "bin/python"
        text = pathlib.Path(stand_in_python.__file__).read_text()
        program.write_text(f"#!{os.path.realpath(real)} -IS\n{text}")
        program.chmod(0o755)
        return os.fspath(program)


@functools.cache
def trainers() -> Server:
    """Returns the server that has TensorFlow imported."""
    return Server(sys.executable, "-m", "tests.fork_server")


def keep_compiled() -> dict[str, str]:
    """Returns the variable by which trainers find what others compiled.

    TensorFlow has a line to say about GPUs then, which other programs' tests
    would find in what they print.
    """
    return {COMPILED: keeping(os.fspath(trainers().folder))}


@functools.cache
def python() -> str:
    """Returns the path of a Python whose trainers are runs of the server.

    For launchers and supervisors: it is this environment's, and whatever else
    it is to run, it runs as any other does.
    """
    folder = trainers().folder
    shutil.copy(f"{sys.prefix}/pyvenv.cfg", folder)
    (folder / "lib").symlink_to(f"{sys.prefix}/lib")
    return trainers().write_python(sys.executable)


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
    socket.send_fds(trainers().orders, [order], sending)
    for descriptor in given:
        os.close(descriptor)
    return Run(open(status), output)
