"""Trainers that start at once: children of a process that imported TensorFlow.

A trainer's imports take 3 s. A `Warm` process has them done, has made no device
and no pool of threads, and forks a child for each command line that it is
given. The child is as `python -m MODULE WORDS` would be: its environment,
its output, its signals and its bits are its own.

  with contextlib.closing(Warm()) as warm:
      child = warm.start(["trainer.task", "--config=digits"], {1: log, 2: log})
      code = child.wait()

Whoever made it need not end it: it ends with its maker, and its children with
it, however that ends.
"""

import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
import weakref
from collections.abc import Collection
from collections.abc import Mapping

from trainer.launch.supervise.birth import begin
from trainer.launch.supervise.enclosure import Enclosure
from trainer.process.surroundings import module_command


class Child:
    """A command that runs in a child of a `Warm`.

    Several threads may send it signals and wait for it.
    """

    def __init__(self, status: int, warm: "subprocess.Popen[bytes]") -> None:
        """Begins to listen.

        Args:
          status: a pipe by which its pid comes, and then its exit code.
          warm: the process that forks it.
        """
        self._status = status
        # No sooner: another thread may be about to listen to its number.
        weakref.finalize(self, os.close, status)
        self._warm = warm
        self._told = b""
        self._code: int | None = None
        self._turn = threading.Lock()
        self._early: list[signal.Signals] = []
        self._pid = 0

    @property
    def pid(self) -> int:
        """The number of its process; 0 where it has none yet."""
        self.poll()
        return self._pid

    def poll(self) -> int | None:
        """Returns the exit code, negative for a signal; None while it runs."""
        return self.wait(0.0)

    def wait(self, timeout_secs: float | None = None) -> int | None:
        """Returns the exit code, or None where it still runs after a while.

        Where the warm process was killed, its children were, too.
        """
        began = time.monotonic()
        while self._code is None:
            left_secs = timeout_secs
            if timeout_secs is not None:
                passed_secs = time.monotonic() - began
                left_secs = max(timeout_secs - passed_secs, 0.0)
            if not _has_data(self._status, left_secs):
                return None
            with self._turn:
                # Another thread may have heard meanwhile what woke this one.
                if self._code is None and _has_data(self._status):
                    self._hear(os.read(self._status, 64))
        return self._code

    def _hear(self, data: bytes) -> None:
        self._told += data
        first, *others = self._told.split(b"\n")[:-1] or [b"0"]
        self._pid = int(first)
        if others or not data:
            self._code = int(others[0]) if others else -signal.SIGKILL
        elif self._pid:
            for number in self._early:
                self._kill(number)
            self._early.clear()

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal, where it still runs.

        Where it was not yet forked, it gets the signal when it is; what is to
        be killed then is the process that does not fork it.
        """
        with self._turn:
            if self._code is not None:
                return
            if self._pid:
                self._kill(number)
            elif number == signal.SIGKILL:
                self._warm.kill()
            else:
                self._early.append(number)

    def _kill(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)


def _has_data(descriptor: int, secs: float | None = 0.0) -> bool:
    return bool(select.select([descriptor], [], [], secs)[0])


class Warm:
    """A process that forks trainers; several threads may use it."""

    def __init__(self, enclosure: Enclosure | None = None) -> None:
        """Has it made, which imports meanwhile.

        Args:
          enclosure: the network that it and its children are put into; None for
            this process's.
        """
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
                preexec_fn=functools.partial(begin, enclosure),
            )

    def close(self) -> None:
        """Ends it, and what still runs in it."""
        self._orders.close()
        self._process.kill()
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
            # In a file: an environment may be longer than a message.
            with open(os.memfd_create("order"), "wb") as file, self._turn:
                file.write(json.dumps(order).encode())
                file.flush()
                socket.send_fds(
                    self._orders,
                    [b"order"],
                    [theirs, file.fileno(), *descriptors.values()],
                )
        except OSError:
            os.close(status)
            raise
        finally:
            os.close(theirs)
        return Child(status, self._process)
