"""Who may write a workdir: one process, until it lets go or falls silent.

The holder gives a sign of life again and again. Who comes after it watches
that sign by its own clock, one that cannot be set, and takes the workdir where
it does not change. The clocks of two hosts are never compared: a time that a
file system or a bucket tells may be of any.
"""

import abc
import contextlib
import errno
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NoReturn

from trainer.process.awake import AwakeClock
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import ClusterError
from trainer.process.exits import leave_at_once
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.facts import is_started_again
from trainer.process.moments import boot_id

# A wait that is longer than this is told.
TOLD_SECS = 10.0


def own() -> dict[str, Any]:
    """Returns what this process says of itself as a holder.

    A process number may be another's on another machine, and so may a host's
    name; the token makes it this lease alone.
    """
    return {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "boot": boot_id(),
        "machine": _machine(),
        "token": uuid.uuid4().hex,
    }


def is_dead(holder: dict[str, Any]) -> bool:
    """Whether it was a process of this very machine, and is no more."""
    if holder.get("machine") != _machine():
        return False
    try:
        os.kill(int(holder["process"]), 0)
    except ProcessLookupError:
        return True
    except (KeyError, ValueError, OSError):
        return False
    return int(holder["process"]) == os.getpid()


def _machine() -> str:
    """Names this machine and its space of process numbers, until it boots."""
    try:
        return f"{boot_id()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return uuid.uuid4().hex


class LostError(OSError):
    """The lease is another's, or gone; says how."""

    def __init__(self, how: str) -> None:
        super().__init__(errno.ESTALE, how)


def leave(error: LostError) -> NoReturn:
    """Ends the process, which is the run's alone."""
    tell(f"{error.strerror}; leaving")
    leave_at_once(CLUSTER_FAILED)


# What is told that a lease was lost, by any thread; where it comes back, the
# process goes on, and nothing more is to be written.
OnLost = Callable[[LostError], object]


class Store(abc.ABC):
    """Where a lease stands.

    Attributes:
      name: of the workdir, for people.
      unknown_host: what the host of a holder is called that did not name it.
      renew_secs: between two signs of life.
      expiry_secs: without one, after which a holder is taken for dead.
      poll_secs: between two looks for one.
    """

    name: str
    unknown_host: str
    renew_secs: float
    expiry_secs: float
    poll_secs: float

    @abc.abstractmethod
    def opened(self) -> contextlib.AbstractContextManager[None]:
        """Keeps open what is needed; UserError where it is surely in use."""

    @abc.abstractmethod
    def sign(self) -> float | None:
        """Returns the last sign of life, a number; None where none held it."""

    @abc.abstractmethod
    def content(self) -> bytes:
        """Returns what the holder wrote of itself."""

    @abc.abstractmethod
    def is_gone(self, holder: dict[str, Any]) -> bool:
        """Whether a holder is surely dead, without a wait."""

    @abc.abstractmethod
    def take(self, sign: float | None) -> None:
        """Makes it ours after that last sign; UserError where it is in use."""

    @abc.abstractmethod
    def renew(self) -> None:
        """Gives a sign of life; LostError where it is not ours any more."""

    @abc.abstractmethod
    def release(self) -> None:
        """Gives the last sign; what fails is passed over."""

    def holder(self) -> dict[str, Any]:
        """Returns what the holder says of itself; {} where that is nothing."""
        with contextlib.suppress(ValueError):
            value = json.loads(self.content())
            return value if isinstance(value, dict) else {}
        return {}

    def in_use(self) -> UserError | ClusterError:
        """Returns the error for one who may not have it.

        Where a scheduler starts the job again it is one that passes: the holder
        may be this very job, before it was queued again, on a node that is cut
        off.
        """
        holder = self.holder()
        kind = ClusterError if is_started_again() else UserError
        return kind(
            f"--workdir={self.name} is in use by process"
            f" {holder.get('process', 'unknown')} of"
            f" {holder.get('host', self.unknown_host)}; wait for it, or name"
            " another"
        )


def wait_for_end(store: Store, holder: dict[str, Any]) -> None:
    """Returns once a holder has let go of its lease, or is silent for too long.

    Args:
      store: where it stands.
      holder: what it says of itself.
    """
    clock = AwakeClock()
    sign, heard_secs = None, clock.secs()
    while store.holder() == holder:
        now = store.sign()
        if now != sign:
            sign, heard_secs = now, clock.secs()
        elif clock.secs() - heard_secs > store.expiry_secs:
            return
        time.sleep(store.poll_secs)
        clock.tick()


class Lease:
    """Held by one process until it lets go or is silent for too long."""

    def __init__(self, store: Store, on_lost: OnLost = leave) -> None:
        self._store, self._on_lost = store, on_lost
        self._lost: LostError | None = None
        self._turn = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    @contextlib.contextmanager
    def held(self) -> Iterator[float | None]:
        """Holds the lease, after a while where its holder may be dead.

        Yields:
          The last sign of the holder before this one; None where there was
          none.

        Raises:
          UserError: another live process holds it.
          ClusterError: likewise, under a scheduler.
        """
        with self._store.opened():
            sign = self._store.sign()
            if sign is not None:
                sign = self._watch(sign)
            self._store.take(sign)
            self._thread.start()
            try:
                yield sign
            finally:
                self._done.set()
                self._thread.join()
                if self._lost is None:
                    self._store.release()

    def _watch(self, sign: float) -> float | None:
        """Returns the last sign of a holder once it is surely dead."""
        store, holder = self._store, self._store.holder()
        if store.is_gone(holder):
            return sign
        if store.expiry_secs > TOLD_SECS:
            print(
                f"{store.name} was held by process {holder.get('process')} of"
                f" {holder.get('host')}; watching for {store.expiry_secs:.0f} s"
                " whether it is alive",
                flush=True,
            )
        # What this process slept through is no silence of the holder.
        clock = AwakeClock()
        while clock.secs() < store.expiry_secs:
            self._done.wait(store.poll_secs)
            clock.tick()
            now = store.sign()
            if now is None:
                return None
            if now != sign:
                raise store.in_use()
        return sign

    def check(self) -> None:
        """Raises LostError where it was lost, by what is known of it."""
        if self._lost is not None:
            raise self._lost

    def renew(self) -> None:
        """Says that this holder lives.

        Raises:
          LostError: it is the holder no more, as `on_lost` was told.
        """
        with self._turn:
            self.check()
            try:
                self._store.renew()
            except LostError as error:
                self._lost = error
                self._on_lost(error)
                raise

    def _keep(self) -> None:
        while self._lost is None and not self._done.wait(
            self._store.renew_secs
        ):
            # What the run writes tells of a disk or a bucket that fails.
            with contextlib.suppress(OSError, ClusterError, UserError):
                self.renew()
