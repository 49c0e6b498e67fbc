"""What must hold of arrays from any source, before they are trained on."""

import math

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import evenly_spaced
from trainer.sources.dataset import Rows
from trainer.sources.dataset import Split
from trainer.sources.splits import of_examples
from trainer.tables import cells
from trainer.tables.cells import LARGEST

BLOCK_BYTES = 16 * 2**20
# A cold disk gives this much in a few seconds.
SCAN_BYTES = 2**30


def check(dataset: Dataset) -> None:
    """Checks shapes, dtypes and values of every split, whatever its source.

    In each split: at least one row; as many labels as rows; real numbers of
    up to 64 bits in this machine's byte order; one feature or more; labels
    [rows] or [rows, outputs]; no NaN, no infinity and nothing beyond float32.
    Between splits: one
    shape and kind of features, one shape and dtype of labels.

    NaN and infinity are looked for block by block, so in bounded memory. Of
    an array of more than 1 GiB only evenly spaced blocks are read, 1 GiB in
    all: a lone NaN between them is found by training instead.

    Args:
      dataset: as its source loaded it, before rows are held out.

    Raises:
      UserError: naming the array, its value, the rule and the remedy.
    """
    check_form(dataset)
    # Last, since it is the only check that takes time.
    for name, split in dataset.splits.items():
        check_finite(f"{dataset.name}: x_{name}", split.x)
        check_finite(f"{dataset.name}: y_{name}", split.y)


def check_form(dataset: Dataset) -> None:
    """Checks all that `check` does but the values.

    Raises:
      UserError: naming the array, the rule and the remedy.
    """
    for name, split in dataset.splits.items():
        _check_split(dataset.name, name, split)
    for name, split in dataset.splits.items():
        _check_agreement(dataset, name, split)


def _check_split(where: str, name: str, split: Split) -> None:
    x, y = split.x, split.y
    check_dtype(f"{where}: x_{name}", x)
    check_dtype(f"{where}: y_{name}", y)
    if x.ndim < 2 or not math.prod(x.shape[1:]):
        raise UserError(
            f"{where}: x_{name} has shape {x.shape}, no features; it must be"
            " [rows, features] or [rows, height, width, ...]; reshape it, a"
            " single feature with x.reshape(-1, 1)"
        )
    if y.ndim not in (1, 2) or not math.prod(y.shape[1:]):
        raise UserError(
            f"{where}: y_{name} has shape {y.shape}; it must be [rows] or"
            " [rows, outputs]; reshape it"
        )
    if not len(x):
        raise UserError(
            f"{where}: x_{name} has no rows; each split must have 1 or more;"
            " add rows or leave the split out"
        )
    if len(x) != len(y):
        raise UserError(
            f"{where}: x_{name} has {len(x)} rows and y_{name} has {len(y)};"
            " they must be equal, a label for each row; save them again"
        )


def check_names(dataset: Dataset) -> None:
    """Refuses classes whose name stands for no value, such as "nan".

    Runs of earlier versions may have them, and go on.

    Raises:
      UserError: naming the first row of one.
    """
    for place, label in enumerate(dataset.class_names):
        if label.casefold() not in cells.MISSING - {"none"}:
            continue
        for name, split in dataset.splits.items():
            rows, *_ = np.nonzero(split.y == place)
            if len(rows):
                raise UserError(
                    f"{dataset.name}: y_{name}[{rows[0]}] is {label!r}, which"
                    " stands for no value; a label must be a name; write one,"
                    " or leave the row out"
                )


def check_weights(dataset: Dataset, column: str | None) -> None:
    """Refuses weights that leave nothing to learn from.

    Rows may have been held out since their column was read. Runs of earlier
    versions may have them, and go on.

    Args:
      dataset: whose training rows may have weights.
      column: what config.data.weight names.

    Raises:
      UserError: all training rows have the weight 0.
    """
    train = dataset.splits["train"]
    if train.weights is None:
        return
    if not of_examples(train, train.weights).any():
        raise UserError(
            f"{dataset.name}: column {column!r} is config.data.weight and is 0"
            " in all training rows, since those that weigh more are held out;"
            " some must be more than 0; correct it, or hold fewer rows out"
        )


def check_dtype(name: str, array: Rows) -> None:
    """Raises UserError for what is no array of numbers of this machine."""
    dtype = array.dtype
    if dtype.kind == "O":
        raise UserError(
            f"{name} has dtype object: ragged rows or mixed types; it must be"
            " one array of numbers with rows of equal length"
        )
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise UserError(
            f"{name} has dtype {dtype.name}; it must be integers or floats of"
            " up to 64 bits; convert it with astype"
        )
    if not dtype.isnative:
        raise UserError(
            f"{name} has dtype {dtype.str}, in another machine's byte order;"
            " save it again as array.astype(array.dtype.newbyteorder('='))"
        )


def _check_agreement(dataset: Dataset, name: str, split: Split) -> None:
    train = dataset.splits["train"]
    kinds = {"i": "integer", "u": "integer", "f": "float"}
    for key, what, value, wanted in (
        ("x", "rows of shape", split.x.shape[1:], train.x.shape[1:]),
        ("x", "dtype", kinds[split.x.dtype.kind], kinds[train.x.dtype.kind]),
        ("y", "rows of shape", split.y.shape[1:], train.y.shape[1:]),
        ("y", "dtype", split.y.dtype.name, train.y.dtype.name),
    ):
        if value != wanted:
            raise UserError(
                f"{dataset.name}: {key}_{name} has {what} {value} and"
                f" {key}_train has {wanted}; all splits must be alike; save"
                f" {key}_{name} as {key}_train is"
            )


def check_finite(name: str, array: Rows) -> None:
    """Refuses values that float32 does not hold.

    Raises:
      UserError: naming one.
    """
    if array.dtype.kind != "f":
        return
    row_bytes = array.nbytes // len(array)
    block = max(BLOCK_BYTES // row_bytes, 1)
    blocks = -(-len(array) // block)
    most = max(SCAN_BYTES // (block * row_bytes), 1)
    for start in evenly_spaced(blocks, most) * block:
        part = np.asarray(array[start : start + block])
        fits = np.abs(part) <= most_of(part.dtype)  # NaN does not
        if not fits.all():
            at = np.argwhere(~fits)[0]
            raise UserError(
                f"{name} has {part[tuple(at)]} in row {start + at[0]}; every"
                f" value must be finite and at most {LARGEST:.2g}, float32's"
                " greatest; fill it in or leave the row out"
            )


def most_of(dtype: np.dtype) -> np.floating:
    """Returns the greatest value that a dtype and float32 both hold."""
    kept = np.finfo(dtype).max
    return dtype.type(kept if dtype.itemsize < 8 else LARGEST)
