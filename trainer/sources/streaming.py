"""Folders whose rows are read as they are asked for, in part or from afar."""

from collections.abc import Collection
from pathlib import Path

from trainer.process.exits import UserError
from trainer.sources import bucket_arrays
from trainer.sources import parquet_shards
from trainer.sources.dataset import Rows
from trainer.sources.folder import list_folder
from trainer.sources.folder import path_of
from trainer.storage.bucket import Folder
from trainer.storage.names import is_remote
from trainer.storage.staging import CACHE_GIB
from trainer.storage.staging import GIB
from trainer.storage.staging import is_hidden
from trainer.tables import opening


def open_arrays(
    data_dir: str, cache_gib: float = CACHE_GIB
) -> dict[str, Rows] | None:
    """Opens Parquet shards, or the .npy files of a bucket.

    Args:
      data_dir: a folder, local or gs://BUCKET/PATH, or anything else.
      cache_gib: most of the disk that the rows of each array take.

    Returns:
      Rows and labels by `files.KEYS`; None of what is no such folder.

    Raises:
      UserError: naming the file, the rule and the remedy.
      ClusterError: the bucket cannot be reached.
    """
    names, cache_bytes = _names(data_dir), int(cache_gib * GIB)
    if shards := parquet_shards.shards_among(names):
        arrays = [n for n in names if n.endswith((".npy", ".npz"))]
        if arrays:
            raise UserError(
                f"--data_dir={data_dir} holds {shards['train'][0]} and"
                f" {arrays[0]}; it must hold Parquet shards or arrays, not"
                " both; move one of them elsewhere"
            )
        return parquet_shards.open_shards(data_dir, shards, cache_bytes)
    if not is_remote(data_dir):
        return None
    if _holds_npy_alone(names):
        return bucket_arrays.open_folder(data_dir, names, cache_bytes)
    # What stands beside a table is not read.
    if not any(map(opening.is_surely_table, names)):
        for name in names:
            opening.refuse_kind(Path(f"{data_dir}/{name}"))
    return None


def _names(data_dir: str) -> list[str]:
    """Returns the files of a folder by name, hidden ones left out."""
    if is_remote(data_dir):
        found = Folder(data_dir).list()
        return sorted(n for n in found if "/" not in n and not is_hidden(n))
    return [*list_folder(data_dir)] if path_of(data_dir).is_dir() else []


def _holds_npy_alone(names: Collection[str]) -> bool:
    if any(n.endswith(".npz") or opening.is_surely_table(n) for n in names):
        return False
    return any(name.endswith(".npy") for name in names)
