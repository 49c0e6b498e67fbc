"""Local copies of what stands in a bucket."""

import contextlib
import os
import pathlib
import re
import shutil
from collections.abc import Collection

from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.storage.bucket import Entry
from trainer.storage.bucket import Folder
from trainer.storage.names import CONFIG_FILE
from trainer.storage.names import is_remote
from trainer.storage.names import local_folder
from trainer.storage.names import MANIFEST
from trainer.storage.names import path_within
from trainer.storage.names import place
from trainer.storage.names import READER

# TensorFlow never reads its event files again; logs are the launcher's, exports
# another verb's.
_NOT_DOWNLOADED = re.compile(
    r"(?:.*/)?(?:events\.out\.tfevents.*|(?:logs|export)/.*)"
)
# A launcher may have one open before the bucket is looked at.
_LOG = re.compile(r"(?:.*/)?logs/[^/]+\.log")
# Most of the disk that an array's rows take which are streamed.
CACHE_GIB = 8.0
GIB = 2**30
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


def download_folder(
    remote: Folder, local: pathlib.Path, *, is_to_write: bool = False
) -> dict[str, Entry]:
    """Makes a local folder like that in the bucket; returns what is there.

    Half a checkpoint is left out. It is listed anew where a run that goes on
    removed meanwhile what was listed, or another reader what is in the copy.

    Args:
      remote: the folder in the bucket.
      local: the copy.
      is_to_write: whether what the copy holds is the bucket's from here on:
        where that holds no run, event files and exports in the copy are of
        another one.

    Raises:
      UserError: an object can be no file of that folder; nothing is fetched.
      ClusterError: an object that is listed cannot be had.
    """
    there = remote.list()
    while True:
        is_new = is_to_write and CONFIG_FILE not in there
        try:
            _take(remote, there, local, _LOG if is_new else _NOT_DOWNLOADED)
            return there
        except FileNotFoundError as error:
            before, there = there, remote.list()
            if there == before:
                raise ClusterError(
                    f"{remote.name} lists what cannot be had ({error})"
                ) from error


def _take(
    remote: Folder,
    there: dict[str, Entry],
    local: pathlib.Path,
    kept: re.Pattern[str],
) -> None:
    """Makes a folder like what was listed; FileNotFoundError: it is no more."""
    wanted = {
        name: entry
        for name, entry in there.items()
        if not is_hidden(name) and not _NOT_DOWNLOADED.fullmatch(name)
    }
    local.mkdir(parents=True, exist_ok=True)
    paths = _paths(local, wanted)
    for name in local_files(local).keys() - there.keys():
        if not kept.fullmatch(name):
            (local / name).unlink(missing_ok=True)
    for name, entry in wanted.items():
        _download(remote, name, entry, paths[name])
    for path in (local / "checkpoints").glob("step_*"):
        if path.is_dir() and not (path / MANIFEST).exists():
            shutil.rmtree(path)


def _download(
    remote: Folder, name: str, entry: Entry, path: pathlib.Path
) -> None:
    """Fetches an object, where its copy is not as it is there."""
    if path.is_file() and not path.is_symlink():
        if entry.is_of(path.read_bytes()):
            return
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)  # it was a folder once
    path.parent.mkdir(parents=True, exist_ok=True)
    remote.download(name, path)


def _paths(
    local: pathlib.Path, names: Collection[str]
) -> dict[str, pathlib.Path]:
    """Returns where each object's copy goes.

    Raises:
      UserError: one cannot be there, or one is a folder of another.
    """
    folds_case = _folds_case(local)
    taken: dict[str, str] = {}
    for name in names:
        taken.setdefault(name.casefold() if folds_case else name, name)
    for name in names:
        key = name.casefold() if folds_case else name
        parts = key.split("/")
        above = ["/".join(parts[:end]) for end in range(1, len(parts))]
        others = [taken[k] for k in (key, *above) if k in taken]
        for other in others:
            if other != name:
                raise UserError(
                    f"the objects {other!r} and {name!r} cannot both be files"
                    f" in {local}; remove one, or give it another name"
                )
    return {name: path_within(local, name) for name in names}


def _folds_case(folder: pathlib.Path) -> bool:
    """Whether names here are the same that differ by case alone."""
    other = pathlib.Path(str(folder.resolve()).swapcase())
    return other.exists() and other.samefile(folder)


def localize(name: str | os.PathLike[str]) -> str:
    """Returns a folder or file to read: its path, or a copy of a gs:// one.

    Raises:
      UserError: there can be no such folder, or it cannot be used.
    """
    name = place(name)
    if not is_remote(name):
        return name
    local, remote = local_folder(name, READER), Folder(name)
    file = remote.entry("")
    if file is not None:
        with contextlib.suppress(FileNotFoundError):  # it is gone by now
            _download(remote, "", file, local)
            return str(local)
    if not download_folder(remote, local):
        raise UserError(f"{name} holds nothing; name another")
    return str(local)
