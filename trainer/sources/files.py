"""The user's own arrays: one .npz, or .npy files, in --data_dir."""

import difflib
import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.sources import npy
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import evenly_spaced
from trainer.sources.dataset import Rows
from trainer.sources.dataset import Split
from trainer.sources.folder import list_folder
from trainer.sources.folder import path_of
from trainer.sources.splits import SPLITS
from trainer.tables import cells
from trainer.tables import opening

KEYS = tuple(f"{axis}_{split}" for split in SPLITS for axis in "xy")
# Rows looked at to tell images from tables: of a mapped file, each may cost a
# seek.
SAMPLE_ROWS = 256
# A flat uint8 row with fewer columns is a table of small counts.
MIN_FLAT_PIXELS = 64
# Greatest values of black-and-white, 4-bit (scikit-learn's digits) and 8-bit
# pixels.
LARGEST_PIXELS = (1, 16, 255)
# What labels are, by the kind of their dtype.
_LABELS = dict(b="truths", U="texts", S="texts") | dict.fromkeys(
    "iuf", "numbers"
)
_PICTURES = (
    *(".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".pgm", ".ppm"),
)
# Of a folder's files and those of folders in it, looked at to find a picture.
_MOST_SEEN = 1_000


def load_files(data_dir: str | None) -> Dataset:
    """Loads arrays of the user's own, and tells images from tables.

    Rows of two or more dimensions are images, whatever their dtype; flat rows
    are a table, unless they are 64 or more uint8 with a value above 16: pixels.
    An image's `largest` is the least of 1, 16 and 255 that no integer seen
    exceeds, or 1 for floats in [0, 1]; else, and for tables, it is None. Up to
    256 evenly spaced training rows are looked at.

    Args:
      data_dir: an .npz, or a folder of one of any name, which is read whole, or
        of .npy files, which are mapped. Names: x_train, y_train, and where
        there is a split of that name x_test, y_test, x_validation,
        y_validation. Labels that are strings become classes in sorted order;
        booleans become uint8, and classes False and True where they are labels.

    Raises:
      UserError: naming the file or array, its value, the rule and the remedy.
    """
    if data_dir is None:
        raise UserError(
            "--data_dir is not set and config.data.source='files' needs it:"
            " a .csv, an .npz, or a folder of x_train.npy and y_train.npy"
        )
    name, arrays = _read(data_dir)
    return of_arrays(name, arrays, data_dir)


def of_arrays(name: str, arrays: Mapping[str, Rows], where: str) -> Dataset:
    """Tells images from tables, and encodes labels that are names.

    Args:
      name: of the data, for people.
      arrays: by KEYS; those of the training rows at least.
      where: they stand.

    Raises:
      UserError: an empty label, or labels of several kinds.
    """
    # What is streamed is no label, and told of truths as numbers.
    stored: dict[str, Any] = dict(arrays)
    _check_labels(stored)
    class_names = _names_of_truth(stored)
    stored = {
        key: array.view(np.uint8) if array.dtype == bool else array
        for key, array in stored.items()
    }
    class_names = class_names or _encode_strings(stored)
    kind, largest = _kind(stored["x_train"])
    return Dataset(
        name=name,
        splits={
            split: Split(stored[f"x_{split}"], stored[f"y_{split}"])
            for split in SPLITS
            if f"x_{split}" in stored
        },
        kind=kind,
        largest=largest,
        class_names=class_names,
        origin=f"your own arrays in {where}",
    )


def _read(data_dir: str) -> tuple[str, dict[str, np.ndarray]]:
    named = path_of(data_dir)
    is_named = named.suffix == ".npz" and named.is_file()
    paths = {named.name: named} if is_named else list_folder(data_dir)
    npz = [path for path in paths.values() if path.suffix == ".npz"]
    mapped = {p.stem: p for p in paths.values() if p.suffix == ".npy"}
    if not npz and not mapped:
        for path in paths.values():
            opening.refuse_kind(path)
        _refuse_pictures(data_dir)
    if len(npz) + bool(mapped) != 1:
        found = [path.name for path in npz] + [f"{key}.npy" for key in mapped]
        raise UserError(
            f"--data_dir={data_dir} holds {_some(found)}; it must hold a"
            " .csv, an .npz or .npy files, not both; x_train.npy and"
            " y_train.npy will do, or name an .npz itself"
        )
    if npz:
        check_keys(str(npz[0]), npy.npz_keys(npz[0]))
        return npz[0].stem, npy.read_npz(npz[0], KEYS)
    check_keys(f"--data_dir={data_dir}", list(mapped))
    arrays = {
        key: npy.map_npy(path) for key, path in mapped.items() if key in KEYS
    }
    return Path(data_dir).expanduser().resolve().name, arrays


def _refuse_pictures(data_dir: str) -> None:
    """Refuses pictures, which often stand in folders by their class."""
    within = itertools.islice(path_of(data_dir).rglob("*"), _MOST_SEEN)
    for path in within:
        if path.suffix.lower() in _PICTURES:
            raise UserError(
                f"--data_dir={data_dir} holds {path.name}, and pictures are not"
                " read; save the pixels of all as x_train.npy, [rows, height,"
                " width, ...], and their classes as y_train.npy"
            )


def _some(names: list[str]) -> str:
    return some(names, 4) or "no .npz, no .npy and no .csv"


def check_keys(where: str, keys: list[str]) -> None:
    """Checks that x and y come in pairs, and that no name is misspelt.

    Raises:
      UserError: naming the array and the remedy.
    """
    for key in keys:
        if key not in KEYS and key.lower().startswith(("x_", "y_")):
            near = difflib.get_close_matches(key.lower(), KEYS, 1, 0.0)[0]
            raise UserError(
                f"{where}: {key} is none of {', '.join(KEYS)}; did you mean"
                f" {near}?"
            )
    wanted = {"train"} | {key[2:] for key in keys if key in KEYS}
    for key in KEYS:
        if key[2:] in wanted and key not in keys:
            raise UserError(
                f"{where} holds {_some(keys)} and lacks {key}; x_train and"
                " y_train must be there, and each x with its y; add it"
            )


def _check_labels(arrays: dict[str, np.ndarray]) -> None:
    """Refuses labels of several kinds, by their own name, and wide texts.

    Later truths are told as numbers of 8 bits, and texts as classes.

    Raises:
      UserError: truths, texts and numbers are mixed, or texts have columns.
    """
    labels = {key: array for key, array in arrays.items() if key[0] == "y"}
    train = labels["y_train"].dtype
    for key, array in labels.items():
        own = array.dtype
        are_alike = _LABELS.get(own.kind) == _LABELS.get(train.kind)
        if not are_alike and {own.name, train.name} != {"bool", "uint8"}:
            raise UserError(
                f"{key} has dtype {own.name} and y_train has {train.name}; all"
                f" splits must be alike; save {key} as y_train is"
            )
        if own.kind in "US" and math.prod(array.shape[1:]) > 1:
            raise UserError(
                f"{key} has texts in rows of shape {array.shape[1:]}; labels"
                " that are names must be [rows], one a row; save several a row"
                " as 0 and 1, a column each"
            )


def _names_of_truth(arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Returns the names of the classes where labels are true or false."""
    labels = [array for key, array in arrays.items() if key[0] == "y"]
    are_true = all(
        y.dtype == bool and y.ndim and y[:1].size == 1 for y in labels
    )
    return ("False", "True") if are_true else ()


def _encode_strings(arrays: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Replaces string labels by int64 classes; returns the classes' names."""
    labels = {key: array for key, array in arrays.items() if key[0] == "y"}
    if labels["y_train"].dtype.kind not in "US":
        return ()
    for key, array in labels.items():
        labels[key] = _decoded(key, array)
    stored = np.unique(np.concatenate([y.ravel() for y in labels.values()]))
    plain = [cells.plain(text) for text in stored.tolist()]
    names = sorted(set(plain))
    place = {name: index for index, name in enumerate(names)}
    lookup = np.array([place[name] for name in plain], np.int64)
    for key, array in labels.items():
        arrays[key] = lookup[np.searchsorted(stored, array)]
        if "" in place:
            empty = np.flatnonzero(arrays[key] == place[""])
            _refuse_empty(key, empty)
    return tuple(names)


def _decoded(key: str, array: np.ndarray) -> np.ndarray:
    """Returns texts, of bytes too."""
    if array.dtype.kind == "U":
        return array
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{key} holds bytes that are no UTF-8 ({error.reason}); save names"
            " as strings"
        ) from None


def _refuse_empty(key: str, empty: np.ndarray) -> None:
    if len(empty):
        raise UserError(
            f"{key}[{empty[0]}] is an empty text; a label must be a name; fill"
            " it in, or leave the row out"
        )


def _kind(x: Rows) -> tuple[str, float | None]:
    """Tells what rows are: see `load_files`. Returns (kind, largest)."""
    if not x.size or x.dtype.kind not in "iuf":
        return "table", None  # refused by trainer.sources.checks
    if x.ndim > 2:
        return "image", _largest(x)
    if x.ndim < 2 or x.dtype != np.uint8 or x.shape[1] < MIN_FLAT_PIXELS:
        return "table", None
    return ("image", 255.0) if _largest(x) == 255 else ("table", None)


def _largest(x: Rows) -> float | None:
    sample = x[evenly_spaced(len(x), SAMPLE_ROWS)]
    least, most = sample.min(), sample.max()
    if not least >= 0:  # NaN too
        return None
    if x.dtype.kind == "f":
        return 1.0 if most <= 1 else None
    holding = [value for value in LARGEST_PIXELS if value >= most]
    return float(holding[0]) if holding else None
