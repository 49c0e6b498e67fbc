"""The lease of a gs:// workdir: an object that its holder writes anew."""

import contextlib
import json
from typing import Any

from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.storage.bucket import ConflictError
from trainer.storage.bucket import Folder
from trainer.workdir.lease import is_dead
from trainer.workdir.lease import LostError
from trainer.workdir.lease import own
from trainer.workdir.lease import Store

FILE = ".lease"


class LeaseObject(Store):
    """An object in a bucket's folder, which the holder writes anew.

    Each write is bound to the generation of the one before, so that of two
    that race one wins, and a holder that was taken for dead finds out.
    """

    unknown_host = "another machine"
    # A bucket takes one write of an object a second.
    renew_secs = 5.0
    expiry_secs = 30.0
    poll_secs = 1.0

    def __init__(self, folder: Folder) -> None:
        self.name = folder.name
        self._folder = folder
        # By its token a write whose answer was lost is known again.
        self._own = own()
        self._generation = 0

    def opened(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def sign(self) -> float | None:
        """Returns the object's generation."""
        found = self._folder.entry(FILE)
        return found and found.generation

    def content(self) -> bytes:
        with contextlib.suppress(FileNotFoundError):
            return self._folder.read(FILE)
        return b""

    def is_gone(self, holder: dict[str, Any]) -> bool:
        return is_dead(holder)

    def take(self, sign: float | None) -> None:
        try:
            self._write(int(sign or 0))
        except ConflictError:
            raise self.in_use() from None

    def renew(self) -> None:
        try:
            self._write(self._generation)
        except ConflictError:
            raise LostError(f"{self.name} was taken by another job") from None

    def _write(self, generation: int) -> None:
        text = json.dumps(self._own) + "\n"
        written = self._folder.upload(
            FILE, text.encode(), generation=generation
        )
        self._generation = written.generation

    def release(self) -> None:
        with contextlib.suppress(ConflictError, ClusterError, UserError):
            self._folder.delete(FILE, self._generation)
