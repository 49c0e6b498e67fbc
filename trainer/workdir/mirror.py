"""A run's files in a bucket, kept like those of a local folder.

The run works on the local copy. A checkpoint counts in the bucket once its
manifest is there, which is written last and once; the lines and accounts that
belong to it are there before.
"""

import contextlib
import os
import pathlib
import threading
import time
from collections.abc import Iterable

from trainer.process.exits import ClusterError
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.storage.bucket import ConflictError
from trainer.storage.bucket import Entry
from trainer.storage.bucket import Folder
from trainer.storage.names import checkpoint_name
from trainer.storage.names import CONFIG_FILE
from trainer.storage.names import MANIFEST
from trainer.storage.names import step_of
from trainer.storage.staging import local_files
from trainer.workdir.checkpoints import path_of
from trainer.workdir.checkpoints import steps_in
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import SAVE_FILE
from trainer.workdir.folder import STOP_FILE
from trainer.workdir.lease import Lease
from trainer.workdir.lease import LostError
from trainer.workdir.lines import SUMS

# Between two polls of the local checkpoints, two uploads of all that has
# changed, and two polls of the bucket for what the user has put there.
LOCAL_POLL_SECS = 0.5
UPLOAD_SECS = 60.0
BUCKET_POLL_SECS = 10.0


def checkpoint_of(name: str) -> int | None:
    """Returns the step of the checkpoint that a file is of, where it is."""
    match name.split("/", 2):
        case ["checkpoints", folder, _]:
            return step_of(folder)
    return None


def checkpoints_of(names: Iterable[str]) -> dict[int, list[str]]:
    """Returns the files of each step's checkpoint."""
    found: dict[int, list[str]] = {}
    for name in names:
        step = checkpoint_of(name)
        if step is not None:
            found.setdefault(step, []).append(name)
    return found


class Mirror:
    """Copies what a run writes to a bucket, in a thread of its own.

    Args:
      remote: whose lease is held.
      local: the folder that the run writes.
      lease: that is asked before each copy.
      there: what the bucket holds, as `download_folder` returned it.
    """

    def __init__(
        self,
        remote: Folder,
        local: pathlib.Path,
        lease: Lease,
        there: dict[str, Entry],
    ) -> None:
        self._remote = remote
        self._local = local
        self._lease = lease
        result = there.get(RESULT_FILE)
        self._result = result.generation if result else 0
        self._checkpoints = checkpoints_of(there)
        for name in there.keys() & {STOP_FILE, SAVE_FILE}:
            # It came with the rest, and is obeyed once.
            remote.delete(name)
        # A new run's folder may hold another's logs, which are not its own
        # until they are written to.
        is_new = CONFIG_FILE not in there
        self._copied = {
            name: signature
            for name, signature in local_files(local).items()
            if is_new or name in there
        }
        # By when their manifests were written here: one that was refused is
        # written again.
        self._committed = self._steps()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        copied = asked = time.monotonic()
        while not self._done.wait(LOCAL_POLL_SECS):
            now = time.monotonic()
            try:
                self._lease.check()
                if now - asked > BUCKET_POLL_SECS:
                    asked = now
                    self._ask()
                if now - copied > UPLOAD_SECS or self._uncommitted():
                    self.copy()
                    copied = time.monotonic()
            except LostError:
                return
            except (ClusterError, UserError, OSError) as error:
                tell(f"not copied, and tried again: {error}")
                self._done.wait(BUCKET_POLL_SECS)

    def close(self) -> None:
        """Copies what is left.

        Raises:
          ClusterError: the bucket cannot be reached.
          LostError: it is another's by now.
        """
        self._done.set()
        self._thread.join()
        self.copy()

    def _steps(self) -> dict[int, int]:
        """Returns the checkpoints here, and when each was written."""
        found, folder = {}, self._local / "checkpoints"
        for step in steps_in(folder):
            with contextlib.suppress(FileNotFoundError):
                manifest = path_of(folder, step) / MANIFEST
                found[step] = manifest.stat().st_mtime_ns
        return found

    def _uncommitted(self) -> list[int]:
        """Returns those that are not in the bucket, oldest first."""
        return sorted(
            step for step, _ in self._steps().items() - self._committed.items()
        )

    def _ask(self) -> None:
        """Takes the user's STOP and SAVE out of the bucket."""
        for name in (STOP_FILE, SAVE_FILE):
            if self._remote.entry(name) is not None:
                (self._local / name).touch()
                self._remote.delete(name)

    def copy(self) -> None:
        """Copies all that has changed.

        Raises:
          ClusterError: the bucket cannot be reached, or another wrote there.
          LostError: it is another's by now.
        """
        try:
            self._copy()
        except ConflictError:
            raise ClusterError(
                f"{self._remote.name} was written by another meanwhile"
            ) from None

    def _copy(self) -> None:
        self._lease.renew()
        if not (self._local / RESULT_FILE).exists() and self._result:
            # It no longer holds.
            self._remote.delete(RESULT_FILE, self._result)
            self._result = 0
        # A run whose checkpoints come faster than they can be copied prunes
        # some meanwhile; then what is there now is looked at anew.
        is_whole = False
        while not is_whole:
            here, wanted = set(self._steps()), self._uncommitted()
            self._copy_changed()
            # Oldest first: a newer one may name an older one as the best.
            is_whole = all([self._commit(step) for step in wanted])
        self._prune(here)
        self._copy_result()

    def _copy_changed(self) -> None:
        # The sums last: what they stand beside is written before them.
        files = local_files(self._local)
        for name in sorted(files, key=lambda name: name == SUMS):
            own = (RESULT_FILE, STOP_FILE, SAVE_FILE)
            if name in own or checkpoint_of(name) is not None:
                continue
            if self._copied.get(name) == files[name]:
                continue
            self._lease.check()
            with contextlib.suppress(FileNotFoundError):
                # At once: it may grow meanwhile.
                self._remote.upload(name, (self._local / name).read_bytes())
                self._copied[name] = files[name]

    def _commit(self, step: int) -> bool:
        """Copies a checkpoint, its manifest last; False where it is gone."""
        start = f"checkpoints/{checkpoint_name(step)}"
        with contextlib.ExitStack() as held:
            try:
                # Open files can be read to their end, pruned or not.
                files = {
                    path.name: held.enter_context(open(path, "rb"))
                    for path in (self._local / start).iterdir()
                }
                manifest = files.pop(MANIFEST)
            except (FileNotFoundError, KeyError):
                return False
            # Another of this step is one that was refused.
            self._remote.delete(f"{start}/{MANIFEST}")
            for name, file in files.items():
                self._lease.check()
                self._remote.upload(f"{start}/{name}", file)
            self._lease.renew()
            self._remote.upload(
                f"{start}/{MANIFEST}", manifest.read(), generation=0
            )
            written = os.fstat(manifest.fileno()).st_mtime_ns
        self._checkpoints[step] = [f"{start}/{n}" for n in (*files, MANIFEST)]
        self._committed[step] = written
        return True

    def _prune(self, here: set[int]) -> None:
        """Removes older checkpoints, halves too, that the run has removed."""
        newest = max(here, default=-1)
        for step in self._checkpoints.keys() - here:
            if step > newest:
                continue
            self._lease.check()
            # The manifest first: half a checkpoint never counts.
            for name in [
                f"checkpoints/{checkpoint_name(step)}/{MANIFEST}",
                *self._checkpoints[step],
            ]:
                self._remote.delete(name)
            del self._checkpoints[step]
            self._committed.pop(step, None)

    def _copy_result(self) -> None:
        path = self._local / RESULT_FILE
        signature = local_files(self._local).get(RESULT_FILE)
        if signature is None or self._copied.get(RESULT_FILE) == signature:
            return
        written = self._remote.upload(
            RESULT_FILE, path.read_bytes(), generation=self._result
        )
        self._result = written.generation
        self._copied[RESULT_FILE] = signature
