"""Names of folders: local ones, gs:// with the copy here, and checkpoints."""

import os
import pathlib
import re

from trainer.process.exits import UserError

REMOTE = "gs://"
STAGING_VARIABLE = "STRATA_STAGING_DIR"
# Where the chief's copy of a gs:// workdir stands, and a reader's.
CHIEF, READER = "worker_0", "reader"
# Without it there is no run in a folder.
CONFIG_FILE = "config.json"
# Written last into a checkpoint, which is none without it.
MANIFEST = "manifest.json"
_CHECKPOINT = re.compile(r"step_(\d{8,})")
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
# Of Linux and macOS, in bytes; a file's name is longer while it is written.
_MOST_PART_BYTES, _MOST_PATH_BYTES = 255, 1023
_ASIDE_BYTES = len(".") + len(".01234567")


def is_remote(name: str | os.PathLike[str]) -> bool:
    """Whether a folder or file stands in a bucket."""
    return os.fspath(name).startswith(REMOTE)


def check_place(name: str, *, may_be_remote: bool = True) -> None:
    """Checks that a place which a user names can be one of ours.

    Raises:
      UserError: it begins with a scheme that is not ours, which would become a
        folder here.
    """
    match = _SCHEME.match(name)
    if not match or (may_be_remote and is_remote(name)):
        return
    scheme, path = match[1].lower(), name[match.end() :]
    if scheme == "file":
        raise UserError(
            f"{name} must be a path, not a URL; write /{path.lstrip('/')}"
        )
    ours = " or gs://BUCKET/PATH" if may_be_remote else ""
    raise UserError(
        f"{name} begins with {match[1]}://, and this must be a path of this"
        f" machine{ours}; copy or mount it here, and name that path"
    )


def place(name: str | os.PathLike[str], *, may_be_remote: bool = True) -> str:
    """Returns the place that a user names as all of this machine take it.

    A leading ~ is resolved, and so is "..", past links: TensorFlow takes a/../b
    for b even where a is a link.

    Raises:
      UserError: it is empty, or cannot be ours, or its ~ is of no user.
    """
    name = os.fspath(name)
    if not name.strip():
        raise UserError(
            f"{name!r} names no folder or file; name one, or leave it out (is a"
            " variable of the shell not set?)"
        )
    check_place(name, may_be_remote=may_be_remote)
    if is_remote(name):
        return name
    path = os.path.expanduser(name)
    if path.startswith("~") and not os.path.lexists(path):
        raise UserError(
            f"{name}: there is no user {path[1:].partition('/')[0]}; write the"
            " folder's whole path"
        )
    return os.path.realpath(path) if ".." in path.split("/") else path


def whole_place(name: str) -> str:
    """Returns what `place` does, from the root on, for another day."""
    return name if is_remote(name) else os.path.abspath(place(name))


def local_place(name: str) -> str:
    """Returns what `place` does of a name that may not be a bucket's."""
    return place(name, may_be_remote=False)


def checkpoint_name(step: int) -> str:
    """Returns the name of the folder of a step's checkpoint."""
    return f"step_{step:08d}"


def step_of(name: str) -> int | None:
    """Returns the step of a checkpoint's folder; None of any other name."""
    match = _CHECKPOINT.fullmatch(name)
    return int(match[1]) if match else None


def split_remote(name: str) -> tuple[str, str]:
    """Returns (bucket, path) of gs://BUCKET/PATH.

    Raises:
      UserError: it is not of that form.
    """
    bucket, _, path = name.removeprefix(REMOTE).rstrip("/").partition("/")
    parts = path.split("/")
    if (
        not _BUCKET.fullmatch(bucket)
        or {"", ".", ".."} & set(parts)
        or not path.isprintable()
        or re.search(r"[*?#\[\]]", path)
    ):
        raise UserError(
            f"{name!r} must be gs://BUCKET/PATH, without the characters *?#[]"
        )
    return bucket, path


def path_within(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Returns the path of an object's copy, which lies within a folder.

    Args:
      folder: whose links are followed up to itself, and none below.
      name: of the object, whoever chose it, in the folder.

    Raises:
      UserError: there can be no such file, or it would lie elsewhere.
    """
    reason = _unfit(folder, name)
    if reason:
        raise UserError(
            f"the object {name!r} cannot be a file in {folder}: {reason};"
            " remove it, or give it another name"
        )
    return folder / name


def _unfit(folder: pathlib.Path, name: str) -> str | None:
    """Says why an object's name can be no path within a folder."""
    parts = name.split("/")
    try:
        sizes = [len(os.fsencode(part)) for part in parts]
        whole = len(os.fsencode(folder / name))
    except UnicodeError:
        return "it is no Unicode"
    if "\0" in name:
        return "it holds NUL"
    if {"", ".", ".."} & set(parts):
        return "a part of it is empty, . or .."
    longest = max(sizes) + _ASIDE_BYTES
    if longest > _MOST_PART_BYTES or whole + _ASIDE_BYTES > _MOST_PATH_BYTES:
        return "it is too long"
    path = folder
    for part in parts[:-1]:
        path = path / part
        if path.is_symlink():
            return f"{path} is a link"
    return None


def local_folder(name: str, part: str = CHIEF) -> pathlib.Path:
    """Returns where the files of a folder stand on this machine.

    Args:
      name: of a local folder, or of one in a bucket, which has a copy here.
      part: of whom the copy is.

    Raises:
      UserError: a gs:// name that is not of its form.
    """
    if not is_remote(name):
        return pathlib.Path(place(name))
    bucket, path = split_remote(name)
    return path_within(staging_folder() / part, f"{bucket}/{path}")


def staging_folder() -> pathlib.Path:
    """Returns where this machine keeps what stands in buckets."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    staging = os.environ.get(STAGING_VARIABLE) or f"{cache}/strata"
    return pathlib.Path(staging).expanduser()
