"""Trainers that start at once: children of a process that imported TensorFlow.

A trainer's imports take 3 s. A `Warm` process has them done, has made no device
and no pool of threads, and forks a child for each command line that it is
given. The child is as `python -m MODULE WORDS` would be: its environment,
its output, its signals and its bits are its own.

  with Warm() as warm:
      child = warm.start(["trainer.task", "--config=digits"], {1: log, 2: log})
      code = child.wait()

Whoever made it need not end it: it ends with its maker, and its children with
it, however that ends.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Collection
from collections.abc import Mapping
from types import TracebackType

from trainer.process.surroundings import module_command


class Child:
    """A command that runs in a child of a `Warm`.

    Attributes:
      pid: of its process.
    """

    def __init__(self, status: int) -> None:
        self._status = open(status, "rb", buffering=0)  # noqa: SIM115
        self._told = b""
        self._code: int | None = None
        self._read_until(1)
        first = self._told.split(b"\n")[0]
        self.pid = int(first) if first else 0
        if not first:
            self._code = -signal.SIGKILL

    def _read_until(self, lines: int) -> None:
        while self._told.count(b"\n") < lines:
            data = self._status.read(64)
            if not data:
                return
            self._told += data

    def poll(self) -> int | None:
        """Returns the exit code, negative for a signal; None while it runs."""
        return self.wait(0.0)

    def wait(self, timeout_secs: float | None = None) -> int | None:
        """Returns the exit code, or None where it still runs after a while.

        Where the warm process was killed, its children were, too.
        """
        if self._code is None:
            if not select.select([self._status], [], [], timeout_secs)[0]:
                return None
            self._read_until(2)
            told = self._told.split(b"\n")
            self._code = int(told[1]) if told[2:] else -signal.SIGKILL
            self._status.close()
        return self._code

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, where it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Warm:
    """A process that forks trainers; several threads may use it."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        self._turn = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [
                    *module_command("trainer.launch.warm_process"),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C reaches its maker alone.
                start_new_session=True,
            )

    def __enter__(self) -> "Warm":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, and what still runs in it."""
        self._orders.close()
        self._process.wait()

    def start(
        self,
        words: list[str],
        descriptors: Mapping[int, int],
        *,
        environment: Mapping[str, str] | None = None,
        cores: Collection[int] = (),
    ) -> Child:
        """Starts `python -m WORDS`, in this process's current folder.

        Args:
          words: the module and its arguments.
          descriptors: {the number of a descriptor there: the one here}, such as
            those of stdout and stderr.
          environment: all of its variables; this process's by default.
          cores: that it may run on; as this process by default.

        Raises:
          OSError: the warm process is gone.
        """
        order = {
            "words": words,
            "environment": dict(
                os.environ if environment is None else environment
            ),
            "folder": os.getcwd(),
            "numbers": list(descriptors),
            "cores": sorted(cores),
        }
        status, theirs = os.pipe()
        try:
            with self._turn:
                socket.send_fds(
                    self._orders,
                    [json.dumps(order).encode()],
                    [theirs, *descriptors.values()],
                )
        except OSError:
            os.close(status)
            raise
        finally:
            os.close(theirs)
        return Child(status)
