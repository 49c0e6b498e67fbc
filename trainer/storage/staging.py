"""Local copies of what stands in a bucket."""

import contextlib
import pathlib
import re
import shutil

from trainer.process.exits import UserError
from trainer.storage.bucket import Entry
from trainer.storage.bucket import Folder
from trainer.storage.names import is_remote
from trainer.storage.names import local_folder
from trainer.storage.names import MANIFEST
from trainer.storage.names import place
from trainer.storage.names import READER

# TensorFlow never reads its event files again; logs are the launcher's, exports
# another verb's.
_NOT_DOWNLOADED = re.compile(
    r"(?:.*/)?(?:events\.out\.tfevents.*|(?:logs|export)/.*)"
)
Signature = tuple[int, int]


def is_hidden(name: str) -> bool:
    """Whether a file is of its process alone, not whole, or lies outside."""
    return any(part.startswith(".") for part in name.split("/"))


def local_files(folder: pathlib.Path) -> dict[str, Signature]:
    """Returns when each file was written last, and its size."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        with contextlib.suppress(FileNotFoundError):
            if not is_hidden(name) and path.is_file():
                stat = path.stat()
                found[name] = (stat.st_mtime_ns, stat.st_size)
    return found


def download_folder(remote: Folder, local: pathlib.Path) -> dict[str, Entry]:
    """Makes a local folder like that in the bucket; returns what is there.

    Half a checkpoint is left out.
    """
    there = remote.list()
    wanted = {
        name: entry
        for name, entry in there.items()
        if not is_hidden(name) and not _NOT_DOWNLOADED.fullmatch(name)
    }
    local.mkdir(parents=True, exist_ok=True)
    for name in local_files(local).keys() - wanted.keys():
        if not _NOT_DOWNLOADED.fullmatch(name):
            (local / name).unlink()
    for name, entry in wanted.items():
        path = local / name
        if not path.is_file() or not entry.is_of(path.read_bytes()):
            path.parent.mkdir(parents=True, exist_ok=True)
            remote.download(name, path)
    for path in (local / "checkpoints").glob("step_*"):
        if not (path / MANIFEST).exists():
            shutil.rmtree(path)
    return there


def localize(name: str) -> str:
    """Returns a folder or file to read: its path, or a copy of a gs:// one.

    Raises:
      UserError: there can be no such folder, or it cannot be used.
    """
    name = place(name)
    if not is_remote(name):
        return name
    remote, local = Folder(name), local_folder(name, READER)
    file = remote.entry("")
    if file is None:
        if not download_folder(remote, local):
            raise UserError(f"{name} holds nothing; name another")
    elif not local.is_file() or not file.is_of(local.read_bytes()):
        local.parent.mkdir(parents=True, exist_ok=True)
        remote.download("", local)
    return str(local)
