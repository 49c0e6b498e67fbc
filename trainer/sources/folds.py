"""Folds of the training rows, one of which is held out for validation."""

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.sources.labels import class_column
from trainer.sources.splits import keeping_classes
from trainer.sources.splits import of_examples
from trainer.sources.splits import parted
from trainer.sources.splits import strata_of


def hold_out_fold(
    dataset: Dataset,
    *,
    folds: int,
    fold: int,
    seed: int,
    keeps_classes: bool = False,
    as_earlier: bool = False,
) -> Dataset:
    """Holds out one fold of the training rows for validation.

    Rows that stand in an order are parted into folds + 1 blocks of it: fold i
    is block i + 1, and the blocks before it are trained on; what comes later is
    left out. Else groups stay whole, and each class is spread evenly.

    Args:
      dataset: has "train" and no "validation".
      folds: how many there are.
      fold: which is held out, from 0.
      seed: the folds are a pure function of it and the labels or groups.
      keeps_classes: whether labels are classes; the first row of one whose
        rows are all in the fold stays in training.
      as_earlier: as in `hold_out`.

    Raises:
      UserError: there are too few rows or groups.
    """
    train = dataset.splits["train"]
    if "validation" in dataset.splits:
        raise UserError(
            f"config.data.folds={folds}: {dataset.name} has a validation split"
            " of its own; leave one of them out"
        )
    if train.orders is not None:
        before, held = _blocks(dataset.name, train, folds, fold)
        return parted(dataset, "validation", held, before)
    if train.groups is not None:
        number = _of_groups(dataset.name, train, folds, seed)
    else:
        strata = strata_of(train, are_classes=keeps_classes and not as_earlier)
        number = _of_rows(dataset.name, train, folds, seed, strata)
    held = number == fold
    if keeps_classes and train.groups is None:
        held = keeping_classes(class_column(train.labels()), held)
        if not held.any():
            raise UserError(
                f"config.data.folds={folds}: no row of {dataset.name} can be"
                f" held out in fold {fold}, since each is the only one of its"
                " class; ask for fewer folds, or name other labels"
            )
    return parted(dataset, "validation", held)


def _blocks(
    name: str, train: Split, folds: int, fold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which rows come before a fold, and which are it: bool [rows]."""
    _check_enough(name, train.examples, "rows", folds + 1, folds)
    orders = of_examples(train, train.orders)
    place = np.empty(train.examples, np.int64)
    place[np.argsort(orders, kind="stable")] = np.arange(train.examples)
    block = place * (folds + 1) // train.examples
    return block <= fold, block == fold + 1


def _of_rows(
    name: str, train: Split, folds: int, seed: int, strata: np.ndarray | None
) -> np.ndarray:
    """Returns the fold of each row, int64 [rows]: dealt, class by class."""
    _check_enough(name, train.examples, "rows", folds, folds)
    order = np.random.RandomState(seed).permutation(train.examples)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    number = np.empty(train.examples, np.int64)
    number[order] = np.arange(train.examples) % folds
    return number


def _of_groups(name: str, train: Split, folds: int, seed: int) -> np.ndarray:
    """Returns the fold of each row: whole groups, the largest first.

    Each goes to the fold that has the fewest rows by then.
    """
    _, place, sizes = np.unique(
        of_examples(train, train.groups),
        return_inverse=True,
        return_counts=True,
    )
    _check_enough(name, len(sizes), "groups", folds, folds)
    order = np.random.RandomState(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    rows = np.zeros(folds, np.int64)
    number = np.empty(len(sizes), np.int64)
    for group in order:
        number[group] = np.argmin(rows)
        rows[number[group]] += sizes[group]
    return number[place]


def _check_enough(
    name: str, count: int, what: str, least: int, folds: int
) -> None:
    if count < least:
        raise UserError(
            f"config.data.folds={folds}: the training rows of {name} are"
            f" {count} {what}, and must be {least} or more; ask for fewer folds"
        )
