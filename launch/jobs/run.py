"""What a workdir shows of the job that runs in it, from outside."""

import contextlib
import dataclasses
import json
import os
import pathlib
import socket
import time
from collections.abc import Iterable
from typing import Any

from trainer.launch.supervise.trainer import newest_step
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.process.output import worker_log
from trainer.storage import json_files
from trainer.storage.json_files import DamagedError
from trainer.workdir import attempt
from trainer.workdir import lines
from trainer.workdir.lock_file import LockFile
from trainer.workdir.schemas import SCHEMAS

ALERT = b"WARNING: "
# Of a log, that is looked through for the last alert.
_TAIL_BYTES = 1 << 18
_ALERT_CHARS = 200


@dataclasses.dataclass(frozen=True)
class Run:
    """A workdir, looked at.

    Attributes:
      workdir: the folder.
      is_held: whether a live process has its lock.
      holder: {"process": its number, "host": its host}, as the lock says.
      attempt: what attempt.json says; {} where nothing.
      step: of the last line of metrics.jsonl, else of the newest checkpoint.
      alert: the last one in the chief's log; "" for none, and without a log.
    """

    workdir: pathlib.Path
    is_held: bool
    holder: dict[str, Any]
    attempt: dict[str, Any]
    step: int
    alert: str

    @property
    def log(self) -> pathlib.Path:
        """The file of what the chief said, under a supervisor."""
        return worker_log(self.workdir, 0)


def runs_in(folders: Iterable[str]) -> list[Run]:
    """Looks at folders, and at the folders in them, for workdirs."""
    found: dict[pathlib.Path, Run] = {}
    for folder in map(pathlib.Path, folders):
        with contextlib.suppress(OSError):
            for path in (folder, *sorted(folder.iterdir())):
                if (path / attempt.FILE).is_file():
                    found[path.resolve()] = look(path)
    return list(found.values())


def look(workdir: pathlib.Path) -> Run:
    """Looks at a workdir; what is damaged in it is taken for absent."""
    lock, holder = LockFile(workdir), {}
    with contextlib.suppress(OSError, ValueError):
        holder = lock.holder()
    return Run(
        workdir,
        _is_held(lock, holder),
        holder,
        read(workdir / attempt.FILE, SCHEMAS[attempt.FILE]),
        _last_step(workdir),
        _last_alert(workdir),
    )


def read(path: pathlib.Path, schema: Any) -> dict[str, Any]:
    """Returns what a JSON file of a workdir says; {} where nothing."""
    try:
        return json_files.read(path, schema).value
    except (OSError, DamagedError):
        return {}


def _is_held(lock: LockFile, holder: dict[str, Any]) -> bool:
    if holder.get("host") in (None, socket.gethostname()):
        try:
            if lock.check_free():
                return False
        except (ClusterError, UserError):
            return True
    # The file system knows no locks, or may not pass on another host's.
    with contextlib.suppress(OSError):
        sign = lock.sign()
        return sign is not None and time.time() - sign < lock.expiry_secs
    return False


def _last_step(workdir: pathlib.Path) -> int:
    for line in reversed(_tail(workdir / lines.METRICS).splitlines()):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(json.loads(line)["step"])
    return newest_step(workdir)


def _last_alert(workdir: pathlib.Path) -> str:
    tail = _tail(worker_log(workdir, 0))
    for line in reversed(tail.splitlines()):
        if line.startswith(ALERT):
            text = line.removeprefix(ALERT).decode(errors="replace")
            return text[:_ALERT_CHARS]
    return ""


def _tail(path: pathlib.Path) -> bytes:
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read()
    except OSError:
        return b""
