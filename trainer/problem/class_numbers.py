"""Labels as they are -> classes by number, in the order of their values."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources.labels import class_column
from trainer.sources.labels import distinct
from trainer.tables import cells

# More labels are identifiers: each class takes a unit of the output.
MOST_CLASSES = 100_000
MOST_NAMED = 8
NEITHER = -1
_BOOLEANS = (("0", "1"), cells.TRUTHS)


def names_of(values: np.ndarray, class_names: Sequence[str]) -> list[str]:
    """Returns a name for each label.

    Args:
      values: whole numbers [classes].
      class_names: that they are indices of; none where they are the labels
        themselves.
    """
    if class_names:
        return [class_names[int(value)] for value in values]
    return [str(int(value)) for value in values]


def training_classes(dataset: Dataset) -> tuple[str, ...]:
    """Returns the names of the classes that training rows have, sorted.

    Raises:
      UserError: there are fewer than two, or too many.
    """
    train = dataset.splits["train"]
    values = distinct(class_column(train.labels()), MOST_CLASSES)
    if len(values) > MOST_CLASSES:
        raise UserError(
            f"y_train holds more than {MOST_CLASSES} different labels, such as"
            f" {', '.join(names_of(values[:3], dataset.class_names))}:"
            " identifiers, no classes; name other labels, a table's by"
            " --config.data.target, or set --config.problem=regression"
        )
    names = names_of(values, dataset.class_names)
    if len(values) < 2:
        raise UserError(
            f"y_train holds a single class, {names[0]!r}; a classification"
            " needs two or more"
        )
    return tuple(names)


def is_plain(names: Sequence[str]) -> bool:
    """Whether classes are called by their own numbers, 0 and on."""
    return all(name == str(number) for number, name in enumerate(names))


def numbered(dataset: Dataset, names: Sequence[str], unknown: str) -> Dataset:
    """Replaces every label by its class's number, int32 [rows].

    Splits that share an array still do. Rows of an array that are no split's
    are -1 where they hold another label.

    Args:
      dataset: labels as stored, whole numbers or one-hot rows.
      names: of the classes, by number.
      unknown: what is said of another class: "no training row has".

    Raises:
      UserError: a row of a split holds another label.
    """
    places = dict(_places(names))
    done: dict[int, np.ndarray] = {}
    splits = {}
    for key, split in dataset.splits.items():
        if id(split.y) not in done:
            done[id(split.y)] = _numbers(split.y, dataset.class_names, places)
        splits[key] = dataclasses.replace(split, y=done[id(split.y)])
        lacking = np.flatnonzero(splits[key].labels() == NEITHER)
        if len(lacking):
            row = int(split.places(lacking)[0])
            label = class_column(split.y[row : row + 1])
            (name,) = names_of(label, dataset.class_names)
            raise UserError(
                f"{dataset.name}: y_{key}[{row}] is {name!r}, a class that"
                f" {unknown}; the classes are {some(names, MOST_NAMED)};"
                " correct the label, or leave its rows out"
            )
    return dataclasses.replace(dataset, splits=splits)


def _places(names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yields (name, number), truth by each of its names in lower case."""
    if tuple(name.lower() for name in names) in _BOOLEANS:
        for alike in _BOOLEANS:
            yield from zip(alike, (0, 1), strict=True)
    yield from cells.truths(names).items()
    for number, name in enumerate(names):
        yield cells.plain(name), number


def _numbers(
    y: np.ndarray, class_names: Sequence[str], places: dict[str, int]
) -> np.ndarray:
    """Returns int32 [rows], NEITHER for what is no known class."""
    column = class_column(np.asarray(y))
    values = distinct(column)
    lookup = np.array(
        [_place(name, places) for name in names_of(values, class_names)],
        np.int32,
    )
    if np.array_equal(lookup, values):
        return column.astype(np.int32)
    return lookup[np.searchsorted(values, column)]


def _place(name: str, places: dict[str, int]) -> int:
    text = cells.plain(name)
    word = text.lower()
    if text not in places and word in cells.TRUTHS:
        text = word
    return places.get(text, NEITHER)
