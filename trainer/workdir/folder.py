"""The workdir: what a run writes, and who may write it.

Standard library alone, so that a workdir that may not be used is found before
TensorFlow is imported.
"""

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import pathlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

from trainer.config import Config
from trainer.config.resume import changed_fields
from trainer.config.validation import validate
from trainer.config.values import from_dict
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically

# A user puts these there: for a checkpoint now, and for an end with one.
RESULT_FILE = "result.json"
SAVE_FILE = "SAVE"
STOP_FILE = "STOP"
# The holder of a workdir touches its lock so often; where that of another
# machine was not touched for so long, its process is taken for dead. A network
# file system may not pass a lock on to other machines.
BEAT_SECS = 1.0
LEASE_SECS = 8.0
REMOVED = "--workdir={} was removed while in use"


class Workdir:
    """The files of one run.

    Attributes:
      path: the folder.
      last_alive_unix_secs: when the process that held the workdir before this
        one last was seen alive; None where there was none.
    """

    def __init__(self, path: str) -> None:
        self.path = pathlib.Path(os.path.expanduser(path))
        self.last_alive_unix_secs: float | None = None

    def __truediv__(self, name: str) -> pathlib.Path:
        return self.path / name

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.path / "checkpoints"

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Returns a JSON file's object, or None where there is no such file.

        Raises:
          UserError: the file holds no JSON object or cannot be read.
        """
        try:
            value = json.loads((self.path / name).read_text())
            if not isinstance(value, dict):
                raise ValueError("no JSON object")
            return value
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise UserError(
                f"--workdir={self.path} is not a folder; name another"
            ) from error
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.path / name} cannot be read ({error}); restore it or"
                " name another --workdir"
            ) from error

    def write_json(self, name: str, value: Any) -> None:
        write_atomically(self.path / name, to_json(value))

    def check(self, config: Config) -> dict[str, Any] | None:
        """Checks that this config may start or go on here. Writes nothing.

        Returns:
          The finished run's result, or None where there is work to do.

        Raises:
          UserError: another config's workdir, naming the fields; or a path
            that cannot be a workdir.
        """
        if os.path.lexists(self.path) and not self.path.is_dir():
            raise UserError(
                f"--workdir={self.path} is not a folder; name another"
            )
        self._check_writable()
        stored = self.read_json("config.json")
        if stored is None:
            if self.checkpoints.exists():
                raise UserError(
                    f"--workdir={self.path} holds checkpoints but no"
                    " config.json; name another"
                )
            return None
        before = self._stored_config(stored)
        changes = changed_fields(before, config)
        if changes:
            raise UserError(
                f"--workdir={self.path} belongs to another config:"
                f" {'; '.join(changes)}; name another --workdir or take these"
                " back"
            )
        result = self.read_json(RESULT_FILE) or {}
        longer = (config.epochs, config.steps) != (before.epochs, before.steps)
        done = result.get("status") == "done" and not longer
        return result if done else None

    def check_data(self, fingerprint: str) -> None:
        """Raises UserError where the run was begun on other data."""
        data = (self.read_json("record.json") or {}).get("data", {})
        if data.get("fingerprint", fingerprint) != fingerprint:
            raise UserError(
                f"--workdir={self.path} belongs to other data"
                f" ({data.get('name')}, rows {data.get('examples')}); name"
                " another --workdir, or bring that data back"
            )

    def _stored_config(self, stored: dict[str, Any]) -> Config:
        try:
            return validate(from_dict(stored))
        except UserError as error:
            raise UserError(
                f"{self.path / 'config.json'} is not this version's: {error};"
                " restore it or name another --workdir"
            ) from error

    def _check_writable(self) -> None:
        folder = self.path
        while not os.path.lexists(folder):
            folder = folder.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"--workdir={self.path} cannot be written ({folder} is not a"
                " writable folder); name another"
            )

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the workdir for this process, however it ends.

        Raises:
          UserError: another live process holds it, on this machine or another.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        held_before = (self.path / ".lock").exists()
        with open(self.path / ".lock", "a+") as file:
            self._flock(file, fcntl.LOCK_EX)
            if held_before:
                self._check_lease(_holder(file))
                self.last_alive_unix_secs = os.fstat(file.fileno()).st_mtime
            own = {"process": os.getpid(), "host": socket.gethostname()}
            file.truncate(0)
            file.write(json.dumps(own) + "\n")
            file.flush()
            with self._beating(own):
                yield

    def check_there(self) -> None:
        """Raises OSError where this holder's workdir was removed."""
        if not (self.path / ".lock").exists():
            raise OSError(errno.ESTALE, REMOVED.format(self.path))

    def check_unlocked(self) -> None:
        """Raises UserError where another live process holds the workdir."""
        try:
            with open(self.path / ".lock") as file:
                # Shared, so that several that only look do not meet.
                self._flock(file, fcntl.LOCK_SH)
        except FileNotFoundError:
            return
        except OSError as error:
            raise UserError(
                f"{self.path / '.lock'} cannot be locked ({error}); remove it"
                " or name another --workdir"
            ) from error

    def _flock(self, file: Any, kind: int) -> None:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._in_use(_holder(file)) from error

    def _in_use(self, holder: dict[str, Any]) -> UserError:
        process = holder.get("process", "unknown")
        host = holder.get("host", "this machine")
        return UserError(
            f"--workdir={self.path} is in use by process {process} of {host};"
            " wait for it, or name another"
        )

    def _check_lease(self, holder: dict[str, Any]) -> None:
        """Watches whether another machine's process still touches the lock."""
        if holder.get("host") in (None, socket.gethostname()):
            return
        # No clock of ours says how old the time of last change is, and a
        # network file system may show it late.
        touched = os.stat(self.path / ".lock").st_mtime
        deadline = time.monotonic() + LEASE_SECS
        while time.monotonic() < deadline:
            time.sleep(BEAT_SECS / 4)
            if os.stat(self.path / ".lock").st_mtime != touched:
                raise self._in_use(holder)

    @contextlib.contextmanager
    def _beating(self, own: dict[str, Any]) -> Iterator[None]:
        """Touches the lock; leaves where it is another's or gone."""
        path, done = self.path / ".lock", threading.Event()

        def beat() -> None:
            while not done.wait(BEAT_SECS):
                try:
                    with open(path) as file:
                        holder = _holder(file)
                    os.utime(path)
                except FileNotFoundError:
                    tell(f"{REMOVED.format(self.path)}; leaving")
                    os._exit(CLUSTER_FAILED)
                except OSError:
                    continue  # What the run itself writes will tell.
                if holder != own:
                    tell(f"{path} was taken by {holder}; leaving")
                    os._exit(CLUSTER_FAILED)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            with contextlib.suppress(OSError):
                os.utime(path)

    def start(self, config: Config, record: dict[str, Any]) -> None:
        """Notes what runs from here on; an old result no longer holds."""
        (self.path / RESULT_FILE).unlink(missing_ok=True)
        self.write_json("config.json", dataclasses.asdict(config))
        self.write_json("record.json", record)
        # Here alone, so that none is written where the workdir was removed.
        self.checkpoints.mkdir(exist_ok=True)


def _holder(file: Any) -> dict[str, Any]:
    """Returns what a lock says of its holder; {} where it says nothing."""
    file.seek(0)
    with contextlib.suppress(ValueError):
        value = json.loads(file.read())
        return value if isinstance(value, dict) else {}
    return {}
