"""Local files and folders that are whole or absent; JSON and JSON lines."""

import contextlib
import errno
import fcntl
import functools
import hashlib
import json
import os
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any
from typing import BinaryIO
from typing import IO

from trainer.process import interruption

# What file systems answer to what they do not know: a lock (Lustre without
# `flock`, some of NFS), an fsync of a folder (some of SMB and FUSE).
_UNKNOWN = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


@contextlib.contextmanager
def new_file(path: pathlib.Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Opens a file that takes its name when it is written and on the disk.

    Until then, and for good where something is raised, what has the name stays
    as it is.

    Args:
      path: of the file.
      mode: that it is made with, less the umask.
    """
    # No two writers meet: on another machine, a process may have our number.
    # Nor does a link that another put there, which "x" does not follow.
    aside = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    opener = functools.partial(os.open, mode=mode)
    with interruption.raised():
        try:
            with open(aside, "xb", opener=opener) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def remove_left_aside(path: pathlib.Path) -> None:
    """Removes what `new_file` left of a file's writers that were killed.

    None may be writing it.
    """
    for left in path.parent.glob(f".{path.name}.{'[0-9a-f]' * 8}"):
        left.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Makes a folder that takes its name when all in it is on the disk.

    Until then its name begins with a dot, as it stays where the process is
    killed; it is removed where something is raised.
    """
    aside = path.with_name(f".{path.name}")
    if aside.is_symlink():  # which is not followed
        aside.unlink()
    shutil.rmtree(aside, ignore_errors=True)
    with interruption.raised():
        try:
            aside.mkdir()
            yield aside
            _sync_tree(aside)
            aside.rename(path)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    sync_folder(path.parent)


def write_atomically(
    path: pathlib.Path, data: bytes, mode: int = 0o666
) -> None:
    """Writes a file that is whole or absent, whatever happens meanwhile."""
    with new_file(path, mode) as file:
        file.write(data)


def _sync_tree(folder: pathlib.Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            with open(path, "rb") as file:
                os.fsync(file.fileno())


def sync_folder(folder: pathlib.Path) -> None:
    """Makes renames within a folder last, where that can be, a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    finally:
        os.close(descriptor)


def lock(file: int | IO[str], kind: int) -> bool:
    """Locks an open file or folder until it is closed.

    Args:
      file: or its descriptor.
      kind: of `fcntl.flock`.

    Returns:
      Whether it is locked; False where its file system knows no locks.

    Raises:
      OSError: such as BlockingIOError where another holds it.
    """
    try:
        fcntl.flock(file, kind)
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
        return False
    return True


def make_folder(path: pathlib.Path) -> None:
    """Makes a folder where there is none, and those above it, that last."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        with contextlib.suppress(PermissionError):  # it may be written alone
            sync_folder(folder.parent)


def checksum(path: pathlib.Path) -> dict[str, Any]:
    """Returns a file's size and SHA-256, as manifests hold them."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def checksums(folder: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Returns those of all files in a folder, by their names within it."""
    return {
        path.relative_to(folder).as_posix(): checksum(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def difference(
    folder: pathlib.Path, sums: dict[str, dict[str, Any]]
) -> str | None:
    """Says which file is not as `checksums` found it; None where all are.

    Raises:
      OSError: one cannot be read.
    """
    for name, expected in sums.items():
        path = folder / name
        shown = name if name.isprintable() else repr(name)
        try:
            if not path.resolve().is_relative_to(folder.resolve()):
                return f"{shown} is outside of it"
            if checksum(path) != expected:
                return f"{shown} does not match its SHA-256"
        except ValueError:  # it holds NUL, or half a surrogate
            return f"{shown} is the name of no file"
    return None


def to_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
