"""Names of folders: local ones, gs:// with the copy here, and checkpoints."""

import os
import pathlib
import re

from trainer.process.exits import UserError

REMOTE = "gs://"
STAGING_VARIABLE = "STRATA_STAGING_DIR"
# Where the chief's copy of a gs:// workdir stands, and a reader's.
CHIEF, READER = "worker_0", "reader"
# Written last into a checkpoint, which is none without it.
MANIFEST = "manifest.json"
_CHECKPOINT = re.compile(r"step_(\d{8,})")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def is_remote(name: str | os.PathLike[str]) -> bool:
    """Whether a folder or file stands in a bucket."""
    return os.fspath(name).startswith(REMOTE)


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


def local_folder(name: str, part: str = CHIEF) -> pathlib.Path:
    """Returns where the files of a folder stand on this machine.

    Args:
      name: of a local folder, or of one in a bucket, which has a copy here.
      part: of whom the copy is.

    Raises:
      UserError: a gs:// name that is not of its form.
    """
    if not is_remote(name):
        return pathlib.Path(name).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    staging = os.environ.get(STAGING_VARIABLE) or f"{cache}/strata"
    bucket, path = split_remote(name)
    return pathlib.Path(staging).expanduser() / part / bucket / path
