"""Which files are the user's tables: one, or one a split, in --data_dir."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from trainer.process.exits import UserError
from trainer.sources.folder import list_folder
from trainer.sources.folder import path_of
from trainer.sources.parquet_shards import shards_among
from trainer.sources.splits import SPLITS
from trainer.tables import opening
from trainer.tables.table_file import TableFile

# What people call the split that is validation here.
_VALIDATION = ("valid", "val", "dev")


def find_tables(data_dir: str) -> dict[str, Path]:
    """Finds the tables that --data_dir means, by their split.

    Args:
      data_dir: a file of `opening.KINDS`; or a folder of one of any name, or of
        train.csv and, where there is such a split, test.csv and validation.csv,
        each with the ending of its kind. A folder's .txt files are tables where
        it holds nothing else.

    Returns:
      {"train": path, ...}, or {} where there is no table, or shards of arrays.

    Raises:
      UserError: there is no such folder, or it is unclear what is meant.
    """
    path = path_of(data_dir)
    if path.is_file() or (opening.is_table(path.name) and not path.is_dir()):
        return _named_itself(path)
    paths = list_folder(data_dir)
    if shards_among(paths):
        return {}
    found = _tables_among(paths)
    others = [n for n in paths if n.endswith((".npz", ".npy"))]
    if found and others:
        raise UserError(
            f"--data_dir={data_dir} holds {found[0].name} and {others[0]}; it"
            " must hold tables or arrays, not both; name the table's file"
            " itself, or move one away"
        )
    named = {
        split: path
        for split in SPLITS
        for path in found
        if opening.stem(path.name).lower() == split
    }
    if ("train" in named and not _twice(found)) or not found:
        return named
    if len(found) > 1 or named:
        names = ", ".join(path.name for path in found[:4])
        lack = "" if "train" in named else " and lacks train.csv"
        raise UserError(
            f"--data_dir={data_dir} holds {names}{lack}; it must hold one"
            " table, or train.csv and others named test.csv and"
            " validation.csv, one each; rename them, or name one file itself"
        )
    return {"train": found[0]}


def open_tables(data_dir: str) -> dict[str, TableFile]:
    """Opens what `find_tables` finds.

    What else a folder holds that people call validation rows is told with the
    training file's notes.

    Raises:
      UserError: as `find_tables` and `opening.open_table`.
    """
    paths = find_tables(data_dir)
    files = {split: opening.open_table(path) for split, path in paths.items()}
    if files and path_of(data_dir).is_dir() and "validation" not in files:
        train = files["train"]
        notes = (*train.notes, *_beside(train.path, list_folder(data_dir)))
        files["train"] = dataclasses.replace(train, notes=notes)
    return files


def _beside(train: Path, names: Iterable[str]) -> Iterator[str]:
    """Yields what is said of tables that no split is read from."""
    for name in names:
        stem = opening.stem(name)
        if opening.is_table(name) and stem.lower() in _VALIDATION:
            yield (
                f"{name} beside it is not read; where it holds validation rows,"
                f" call it validation{name[len(stem) :]}"
            )


def _named_itself(path: Path) -> dict[str, Path]:
    """Takes a file for the table that it is, or for a part of arrays."""
    if opening.is_table(path.name):
        return {"train": path}
    if path.suffix in (".npz", ".npy") or "ubyte" in path.name:
        return {}
    opening.refuse_kind(path)
    raise UserError(
        f"--data_dir={path} is of no kind that is read; these are"
        f" {opening.KINDS}, and folders of them or of arrays; if it is one of"
        " them, rename it"
    )


def _tables_among(paths: Mapping[str, Path]) -> list[Path]:
    """Returns the tables of a folder's files, by their names."""
    sure = [p for name, p in paths.items() if opening.is_surely_table(name)]
    likely = [p for name, p in paths.items() if opening.is_table(name)]
    notes = [name for name in paths if name.lower().endswith(".md")]
    return sure or (likely if len(likely) + len(notes) == len(paths) else [])


def _twice(paths: list[Path]) -> bool:
    """Whether two files are of one split."""
    stems = [opening.stem(path.name).lower() for path in paths]
    return any(stems.count(split) > 1 for split in SPLITS)
