"""The workdir: what a run writes, and whether a config may go on there.

Without TensorFlow, so that a workdir that may not be used is found before it is
imported.
"""

import contextlib
import dataclasses
import errno
import os
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from trainer.config import Config
from trainer.config.resume import changed_fields
from trainer.config.validation import validate
from trainer.config.values import from_dict
from trainer.process.exits import note_unsealed
from trainer.process.exits import UserError
from trainer.storage import json_files
from trainer.storage.files import remove_left_aside
from trainer.storage.files import sync_folder
from trainer.storage.files import to_json
from trainer.storage.files import write_atomically
from trainer.storage.json_files import DamagedError
from trainer.storage.json_files import sealed
from trainer.workdir import lines
from trainer.workdir import lock_file
from trainer.workdir.lease import Lease
from trainer.workdir.lease import leave
from trainer.workdir.lease import OnLost
from trainer.workdir.lock_file import LockFile
from trainer.workdir.schemas import SCHEMAS

RESULT_FILE = "result.json"
REPORT_FILE = "report.html"
SKETCH_FILE = "sketch.json"
FIRST_IMAGES_FILE = "first_images.png"
PROFILE_FILE = "profile.txt"
# A user puts these there: for a checkpoint now, and for an end with one.
SAVE_FILE = "SAVE"
STOP_FILE = "STOP"
# What the holder alone writes, each whole or not at all.
_LINES = (lines.METRICS, lines.TIMING, lines.SUMS)
_WHOLE = (*SCHEMAS, *_LINES, FIRST_IMAGES_FILE, PROFILE_FILE)


class Workdir:
    """The files of one run.

    Attributes:
      path: the folder.
    """

    def __init__(self, path: str) -> None:
        self.path = pathlib.Path(os.path.expanduser(path))

    def __truediv__(self, name: str) -> pathlib.Path:
        return self.path / name

    @property
    def checkpoints(self) -> pathlib.Path:
        return self.path / "checkpoints"

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Returns a JSON file's object, or None where there is no such file.

        Args:
          name: of the file, one of `schemas.SCHEMAS`.

        Raises:
          UserError: the file does not hold what was written or cannot be read.
        """
        try:
            return self.read_sealed(name).value
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise UserError(
                f"--workdir={self.path} is not a folder; name another"
            ) from error
        except (OSError, DamagedError) as error:
            raise UserError(
                f"{self.path / name} cannot be read ({error}); restore it or"
                " name another --workdir"
            ) from error

    def read_sealed(self, name: str) -> json_files.Found:
        """Reads a JSON file, which has a checksum where the lines have sums.

        Raises:
          DamagedError: it is not what was written.
          OSError: it cannot be read.
        """
        found = json_files.read(self.path / name, SCHEMAS[name])
        # `start` and all after it seal every file before there are sums.
        if not found.is_sealed:
            if (self.path / lines.SUMS).exists():
                raise DamagedError("it has lost its checksum: it was altered")
            note_unsealed(str(self.path))
        return found

    def read_config(self) -> Config | None:
        """Returns the config of the run; None where there is no run.

        Raises:
          UserError: it cannot be read, or is of another version of Strata.
        """
        values = self.read_json("config.json")
        try:
            return None if values is None else validate(from_dict(values))
        except UserError as error:
            raise UserError(
                f"{self.path / 'config.json'} is not this version's: {error};"
                " restore it or name another --workdir"
            ) from error

    def write_json(self, name: str, value: dict[str, Any]) -> None:
        write_atomically(self.path / name, to_json(sealed(value)))

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
        before = self.read_config()
        if before is None:
            if self.checkpoints.exists():
                raise UserError(
                    f"--workdir={self.path} holds checkpoints but no"
                    " config.json; name another"
                )
            return None
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

    def check_data(
        self, fingerprint: str, rows_sha256: Mapping[str, str]
    ) -> None:
        """Checks that the run was begun on the same data, as far as is told.

        Args:
          fingerprint: of the data.
          rows_sha256: of each split's rows.

        Raises:
          UserError: it was begun on other data.
        """
        data = (self.read_json("record.json") or {}).get("data", {})
        noted = data.get("rows_sha256") or {}
        is_same = all(
            noted.get(split, sha256) == sha256
            for split, sha256 in rows_sha256.items()
        )
        if data.get("fingerprint", fingerprint) != fingerprint or not is_same:
            raise UserError(
                f"--workdir={self.path} belongs to other data"
                f" ({data.get('name')}, rows {data.get('examples')}); name"
                " another --workdir, or bring that data back"
            )

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
    def lock(self, on_lost: OnLost = leave) -> Iterator[float | None]:
        """Holds the workdir for this process, however it ends.

        It gives when the process that held it before this one last was seen
        alive, in Unix seconds; None where there was none. What that one left
        half written is removed.

        Args:
          on_lost: is told where it is lost.

        Raises:
          UserError: another live process holds it, on this machine or another.
        """
        with Lease(LockFile(self.path), on_lost).held() as last_alive:
            for name in _WHOLE:
                remove_left_aside(self.path / name)
            yield last_alive

    def check_unlocked(self) -> None:
        """Raises UserError where another live process holds the workdir."""
        LockFile(self.path).check_free()

    def check_there(self) -> None:
        """Raises OSError where this holder's workdir was removed."""
        if not (self.path / lock_file.FILE).exists():
            raise OSError(errno.ESTALE, lock_file.REMOVED.format(self.path))

    def start(self, config: Config, record: dict[str, Any]) -> None:
        """Notes what runs from here on; an old result no longer holds."""
        (self.path / RESULT_FILE).unlink(missing_ok=True)
        # A power cut must not leave an old result beside a new config.
        sync_folder(self.path)
        self.write_json("config.json", dataclasses.asdict(config))
        self.write_json("record.json", record)
        # An earlier version's gets its checksum; who reads it tells of harm.
        with contextlib.suppress(UserError):
            if detail := self.read_json("detail.json"):
                self.write_json("detail.json", detail)
        # Here alone, so that none is written where the workdir was removed.
        self.checkpoints.mkdir(exist_ok=True)
        sync_folder(self.path)
