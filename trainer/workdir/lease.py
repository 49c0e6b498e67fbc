"""Who may write a gs:// workdir: an object that its holder writes anew.

Each write is bound to the generation of the one before, so that of two that
race one wins, and a holder that was taken for dead finds out.
"""

import contextlib
import json
import os
import pathlib
import socket
import threading
import time
import uuid
from typing import Any

from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import ClusterError
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.storage.bucket import ConflictError
from trainer.storage.bucket import Folder

FILE = ".lease"
# A bucket takes one write of an object a second.
RENEW_SECS = 5.0
# A holder that has not written for so long is taken for dead.
LEASE_SECS = 30.0
LOOK_SECS = 1.0


def _machine() -> str:
    """Names this machine and its space of process numbers, until it boots."""
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id")
    try:
        return f"{boot.read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return uuid.uuid4().hex


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether a holder is surely gone: a process of this very machine."""
    if holder.get("machine") != _machine():
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except (KeyError, ValueError, OSError):
        return False
    return int(holder["process"]) == os.getpid()


class Lease:
    """Held by one process until it lets go or is silent for too long."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._own = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "machine": _machine(),
            "token": uuid.uuid4().hex,
        }
        self._generation = 0
        self._turn = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def acquire(self) -> None:
        """Takes the lease, after a while where its holder may be dead.

        Raises:
          UserError: another process holds it.
        """
        found = self._folder.look(FILE)
        try:
            self._write(self._watch(found.generation) if found else 0)
        except ConflictError:
            raise self._in_use(self._holder()) from None
        self._thread.start()

    def _holder(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return dict(json.loads(self._folder.read(FILE)))
        return {}

    def _watch(self, generation: int) -> int:
        """Returns the lease's generation once its holder is gone."""
        holder = self._holder()
        if _is_dead(holder):
            return generation
        name = f"process {holder.get('process')} of {holder.get('host')}"
        print(
            f"{self._folder.name} was held by {name}; watching for"
            f" {LEASE_SECS:.0f} s whether it is alive",
            flush=True,
        )
        # No clock but ours: a time in the bucket may be of any.
        deadline = time.monotonic() + LEASE_SECS
        while time.monotonic() < deadline:
            self._done.wait(LOOK_SECS)
            found = self._folder.look(FILE)
            if found is None:
                return 0
            if found.generation != generation:
                raise self._in_use(self._holder())
        return generation

    def _in_use(self, holder: dict[str, Any]) -> UserError:
        return UserError(
            f"--workdir={self._folder.name} is in use by process"
            f" {holder.get('process', 'unknown')} of"
            f" {holder.get('host', 'another machine')}; wait for it, or name"
            " another"
        )

    def _write(self, generation: int) -> None:
        # The token makes it ours alone, so that a write whose answer was lost
        # is known again.
        text = json.dumps(self._own) + "\n"
        written = self._folder.upload(
            FILE, text.encode(), generation=generation
        )
        self._generation = written.generation

    def renew(self) -> None:
        """Says that this holder lives; ends the process where it lost."""
        with self._turn:
            try:
                self._write(self._generation)
            except ConflictError:
                tell(f"{self._folder.name} was taken by another job; leaving")
                os._exit(CLUSTER_FAILED)

    def _keep(self) -> None:
        while not self._done.wait(RENEW_SECS):
            # What is copied tells of a bucket that cannot be reached.
            with contextlib.suppress(ClusterError, UserError):
                self.renew()

    def release(self) -> None:
        """Lets go."""
        self._done.set()
        self._thread.join()
        with contextlib.suppress(ConflictError, ClusterError, UserError):
            self._folder.delete(FILE, self._generation)
