"""Where a run's files stand: in a local folder, or in a bucket beside a copy.

All else works on the local folder.
"""

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.storage.bucket import Folder
from trainer.storage.names import is_remote
from trainer.storage.names import local_folder
from trainer.storage.staging import download_folder
from trainer.workdir.lease import Lease
from trainer.workdir.lease import leave
from trainer.workdir.lease import OnLost
from trainer.workdir.lease import wait_for_end
from trainer.workdir.lease_object import LeaseObject
from trainer.workdir.mirror import Mirror


class Location:
    """A workdir that is a local folder, or one that all workers share.

    Attributes:
      folder: that the run works on.
      facts: of it that must be the same on all workers.
      shared: the folder that all workers must see; None where each has a copy.
    """

    def __init__(self, name: str) -> None:
        self.folder = name
        self.facts: dict[str, Any] = {}
        self.shared: pathlib.Path | None = local_folder(name).absolute()

    def settle(self) -> None:
        """Has this worker see what the chief sees, once they have met."""


class BucketLocation(Location):
    """A workdir in a bucket, by a worker's own copy of it."""

    def __init__(self, name: str, index: int) -> None:
        self.folder = str(local_folder(name, f"worker_{index}"))
        self.facts = {"workdir": name.rstrip("/")}
        self.shared = None
        self._remote = Folder(name)
        self._is_chief = index == 0
        # What the chief says of itself, to its peers, once they have met.
        self._chief: dict[str, Any] = {}

    def settle(self) -> None:
        """Takes what there is now that the chief holds the lease."""
        if not self._is_chief:
            download_folder(self._remote, pathlib.Path(self.folder))
            self._chief = LeaseObject(self._remote).holder()

    @contextlib.contextmanager
    def open(self, on_lost: OnLost) -> Iterator[None]:
        """Holds the workdir, where this is the chief, and mirrors the copy.

        A peer leaves after the chief, which may copy for long: launchers end
        those that stay for some time after the first has left.
        """
        folder = pathlib.Path(self.folder)
        if not self._is_chief:
            download_folder(self._remote, folder)
            yield
            if self._chief:
                with contextlib.suppress(ClusterError, UserError):
                    wait_for_end(LeaseObject(self._remote), self._chief)
            return
        lease = Lease(LeaseObject(self._remote), on_lost)
        with lease.held():
            there = download_folder(self._remote, folder, is_to_write=True)
            mirror = Mirror(self._remote, folder, lease, there)
            try:
                yield
            except BaseException:
                # What went wrong first is told.
                with contextlib.suppress(ClusterError, UserError, OSError):
                    mirror.close()
                raise
            mirror.close()


@contextlib.contextmanager
def open_location(
    name: str, index: int = 0, on_lost: OnLost = leave
) -> Iterator[Location]:
    """Opens a workdir for a job's process.

    Args:
      name: of the workdir.
      index: of the process among the job's; 0 of the chief.
      on_lost: is told where it is lost.

    Raises:
      UserError: it is a bucket's, and cannot be used; or another job's.
      ClusterError: it cannot be reached.
      LostError: at the end, where it was lost and `on_lost` came back.
    """
    if not is_remote(name):
        yield Location(name)
        return
    location = BucketLocation(name, index)
    with location.open(on_lost):
        yield location
