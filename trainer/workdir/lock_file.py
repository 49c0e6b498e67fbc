"""The lease of a local workdir: a lock file that its holder touches."""

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any
from typing import TextIO

from trainer.process.exits import UserError
from trainer.process.no_link import no_link
from trainer.storage.files import lock
from trainer.storage.files import make_folder
from trainer.workdir.lease import is_dead
from trainer.workdir.lease import LostError
from trainer.workdir.lease import own
from trainer.workdir.lease import Store

FILE = ".lock"
REMOVED = "--workdir={} was removed while in use"


class LockFile(Store):
    """A local folder's lock, which the holder touches.

    A network file system may not pass the lock on to other machines, may know
    no locks, and may show a touch late.
    """

    unknown_host = "this machine"
    renew_secs = 1.0
    expiry_secs = 8.0
    poll_secs = 0.25

    def __init__(self, folder: pathlib.Path) -> None:
        self.name = os.fspath(folder)
        self._path = folder / FILE
        self._own = own()
        self._is_new = False
        self._is_locked = False

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Holds the lock of the file, which is made."""
        make_folder(self._path.parent)
        self._is_new = not self._path.exists()
        with open(
            self._path, "a+", encoding="utf-8", opener=no_link
        ) as self._file:
            self._is_locked = self._lock(self._file, fcntl.LOCK_EX)
            yield

    def _lock(self, file: TextIO, kind: int) -> bool:
        try:
            return lock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self.in_use() from error

    def check_free(self) -> bool:
        """Raises UserError where another live process holds the lock.

        Returns:
          Whether that could be told; not where there are no locks.
        """
        try:
            with open(self._path, encoding="utf-8") as file:
                # Shared, so that several that only look do not meet.
                return self._lock(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise UserError(
                f"{self._path} cannot be locked ({error}); remove it or name"
                " another --workdir"
            ) from error

    def sign(self) -> float | None:
        """Returns when the holder touched the file last, in Unix seconds."""
        return None if self._is_new else os.stat(self._path).st_mtime

    def content(self) -> bytes:
        return self._path.read_bytes()

    def is_gone(self, holder: dict[str, Any]) -> bool:
        """Whether the lock, or else its process, tells so."""
        if not self._is_locked:
            return is_dead(holder)
        # Of this machine since it booted, where the lock would be held still.
        ours = {name: self._own[name] for name in ("host", "boot")}
        return holder == {} or ours.items() <= holder.items()

    def take(self, sign: float | None) -> None:
        self._file.truncate(0)
        self._file.write(json.dumps(self._own) + "\n")
        self._file.flush()

    def renew(self) -> None:
        try:
            holder = self.holder()
            os.utime(self._path)
        except FileNotFoundError:
            raise LostError(REMOVED.format(self.name)) from None
        if holder != self._own:
            raise LostError(f"{self._path} was taken by {holder}")

    def release(self) -> None:
        with contextlib.suppress(OSError):
            os.utime(self._path)
