"""Which rows are held out of training: index arrays, never copies."""

import dataclasses

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.sources.labels import class_column

SPLITS = ("train", "validation", "test")


def hold_out(
    dataset: Dataset,
    name: str,
    *,
    fraction: float,
    seed: int,
    keeps_classes: bool = False,
    as_earlier: bool = False,
) -> Dataset:
    """Moves a share of the training rows into a split of its own.

    Args:
      dataset: has "train" and no split `name`.
      name: "validation" or "test".
      fraction: share of the training examples, more than 0 and less than 1.
      seed: the rows are a pure function of it, the fraction and the labels;
        rows that stand in an order are the last ones of it.
      keeps_classes: whether labels are classes; the first row of one whose
        rows were all drawn stays in training.
      as_earlier: whether classes that are floats, or columns, are drawn as
        earlier versions did: at random.

    Returns:
      The same arrays with rows set, in ascending order, in both splits.

    Raises:
      UserError: where there are fewer than two training examples, or each
        is of a class of its own.
    """
    train = dataset.splits["train"]
    if train.examples < 2:
        raise UserError(
            f"config.data.{name}_fraction={fraction}: {dataset.name} has"
            f" {train.examples} training row to take the {name} split from and"
            " must have 2 or more; add rows"
        )
    held = np.zeros(train.examples, bool)
    if train.orders is not None:
        return parted(dataset, name, _last(train, fraction))
    if train.groups is not None:
        groups = of_examples(train, train.groups)
        held = _draw_groups(groups, fraction, seed)
        if not held.any() or held.all():
            raise UserError(
                f"config.data.group: the training rows of {dataset.name} are of"
                f" {len(np.unique(groups))} group, and the {name} split needs"
                " one of its own; leave config.data.group out, or add rows of"
                " others"
            )
    else:
        strata = strata_of(train, are_classes=keeps_classes and not as_earlier)
        held[_draw(strata, train.examples, fraction, seed)] = True
    if keeps_classes and train.groups is None:
        classes = class_column(train.labels())
        held = keeping_classes(classes, held)
        if not held.any():
            raise UserError(
                f"{dataset.name}: none of its {train.examples} rows can be held"
                f" out for {name}, since each is the only one of its class; a"
                " class needs two rows or more: name other labels, a table's by"
                " --config.data.target, or set --config.problem=regression"
                " where they are quantities"
            )
    return parted(dataset, name, held)


def parted(
    dataset: Dataset,
    name: str,
    held: np.ndarray,
    kept: np.ndarray | None = None,
) -> Dataset:
    """Parts the training rows in two splits.

    Args:
      dataset: has "train" and no split `name`.
      name: of the new split.
      held: bool [training rows], those of the new split.
      kept: those of the training split; None for all others.
    """
    train = dataset.splits["train"]
    kept = ~held if kept is None else kept
    rows = np.arange(len(train.x)) if train.rows is None else train.rows
    splits = {
        **dataset.splits,
        "train": dataclasses.replace(train, rows=rows[kept]),
        name: dataclasses.replace(train, rows=rows[held]),
    }
    return dataclasses.replace(
        dataset, splits={key: splits[key] for key in SPLITS if key in splits}
    )


def of_examples(split: Split, values: np.ndarray | None) -> np.ndarray:
    """Returns those of [rows of x] values that are of the split's rows."""
    assert values is not None
    return values if split.rows is None else values[split.rows]


def strata_of(split: Split, *, are_classes: bool) -> np.ndarray | None:
    """Returns what rows are spread evenly by, [rows]; None for at random.

    That is classes, however they are stored, and any labels of whole numbers.
    """
    labels = split.labels()
    if are_classes:
        return class_column(labels)
    return labels if labels.ndim == 1 and labels.dtype.kind in "iu" else None


def _last(train: Split, fraction: float) -> np.ndarray:
    """Returns which rows are the last share in their order: bool [rows]."""
    held = min(max(round(fraction * train.examples), 1), train.examples - 1)
    found = np.zeros(train.examples, bool)
    order = np.argsort(of_examples(train, train.orders), kind="stable")
    found[order[train.examples - held :]] = True
    return found


def keeping_classes(classes: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Leaves in training the first row of each class that was drawn whole.

    Args:
      classes: [rows].
      held: bool [rows], the rows that were drawn.

    Returns:
      bool [rows]; one row of a class of several where no drawn row is left,
      and none where there is no such class.
    """
    drawn = np.flatnonzero(held)
    lone = drawn[~np.isin(classes[drawn], classes[~held])]
    held = held.copy()
    held[lone[np.unique(classes[lone], return_index=True)[1]]] = False
    if not held.any():
        _, number, counts = np.unique(
            classes, return_inverse=True, return_counts=True
        )
        held[np.flatnonzero(counts[number] > 1)[-1:]] = True
    return held


def _draw_groups(groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Draws whole groups until they have their share of the rows: bool [rows].

    The last is left out where that comes nearer to the share; one group is
    held out at least, and one is left.
    """
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.RandomState(seed).permutation(len(sizes))
    taken = np.cumsum(sizes[order])
    nearest = int(np.argmin(np.abs(taken - fraction * len(groups)))) + 1
    chosen = order[: min(nearest, len(sizes) - 1)]
    return np.isin(place, chosen)


def _draw(
    strata: np.ndarray | None, count: int, fraction: float, seed: int
) -> np.ndarray:
    """Draws which examples are held out: int64 [held], at least 1, not all.

    Strata are sampled systematically (Cochran 1977, chapter 8): the
    examples are sorted by stratum, at random within each, and taken at an even
    stride from a random start. Each then gets its share to within one example,
    and each example has the same chance, however rare its stratum.
    """
    held = min(max(round(fraction * count), 1), count - 1)
    # RandomState's stream is frozen (NEP 19): a newer NumPy draws the same.
    random = np.random.RandomState(seed)
    order = random.permutation(count)
    if strata is None:
        return order[:held]
    order = order[np.argsort(strata[order], kind="stable")]
    start = random.randint(count, dtype=np.int64)
    return order[(np.arange(held) * count + start) // held]
