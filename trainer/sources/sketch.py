"""What the training rows look like, in a few kilobytes: counts of each column.

A column of numbers is counted between some hundred of its own quantiles, a
column of texts by text. Rows that come later are counted in the same bins.
NumPy alone.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.sources.dataset import Dataset
from trainer.sources.dataset import evenly_spaced
from trainer.tables.category_column import CategoryColumn
from trainer.tables.column import placed
from trainer.tables.encoding import Encoding

FORMAT = 1
# Training rows that are looked at, evenly spaced; columns beyond which a table
# has no sketch.
MOST_ROWS = 10_000
MOST_COLUMNS = 1000
QUANTILES = 100
# What stands for an image: the mean and the deviation of its values.
IMAGE = ("brightness", "contrast")
# Whose values are float64 at a time: such as a processor's caches hold.
IMAGES_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class Bins:
    """How a column is counted.

    Attributes:
      name: of the column.
      start: of its features.
      edges: ascending; a number is in the bin of the first edge that is not
        below it, or in one more. () of a column of texts.
      words: a feature each, and a bin; () of a column of numbers.
      marks_missing: whether a feature after them is 1 where it is missing.
      later: features of the same column between these and that one.
    """

    name: str
    start: int
    edges: tuple[float, ...] = ()
    words: tuple[str, ...] = ()
    marks_missing: bool = False
    later: int = 0

    @property
    def size(self) -> int:
        """Bins of values; after them come that of missing and of new ones."""
        return len(self.words) if self.words else len(self.edges) + 1

    def count(self, rows: np.ndarray, missing: np.ndarray | None) -> np.ndarray:
        """Counts rows.

        Args:
          rows: [rows, features], those of all columns.
          missing: bool [rows]; None to go by the feature that marks it.

        Returns:
          int64 [size + 2].
        """
        width = len(self.words) or 1
        stop = self.start + width
        if missing is None:
            missing = np.zeros(len(rows), bool)
            if self.marks_missing:
                missing = rows[:, stop + self.later] > 0
        if self.words:
            marks = rows[:, self.start : stop] > 0
            places = np.where(marks.any(1), marks.argmax(1), self.size + 1)
        else:
            places = np.searchsorted(self.edges, rows[:, self.start])
        places = np.where(missing, self.size, places)
        return np.bincount(places, minlength=self.size + 2)


@dataclasses.dataclass
class Sketch:
    """Counts of rows, by column.

    Attributes:
      bins: how each column is counted.
      counts: int64 [size + 2] of each.
      is_image: whether rows are images, which IMAGE stands for.
    """

    bins: tuple[Bins, ...]
    counts: list[np.ndarray]
    is_image: bool = False

    @property
    def rows(self) -> int:
        return int(self.counts[0].sum())

    def empty(self) -> "Sketch":
        """Returns one that has counted nothing, in the same bins."""
        counts = [np.zeros(bins.size + 2, np.int64) for bins in self.bins]
        return Sketch(self.bins, counts, self.is_image)

    def joined(self, other: "Sketch") -> "Sketch":
        """Returns one that has counted what both have, in the same bins."""
        counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        return Sketch(self.bins, counts, self.is_image)

    def look(
        self, rows: np.ndarray, missing: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Counts rows.

        Args:
          rows: as the run's data is stored, [rows, *shape].
          missing: bool [rows] by column, where cells tell more than features.
        """
        self._count(_features(rows, self.is_image), missing or {})

    def _count(
        self, flat: np.ndarray, missing: Mapping[str, np.ndarray]
    ) -> None:
        for place, bins in enumerate(self.bins):
            self.counts[place] += bins.count(flat, missing.get(bins.name))

    def to_json(self) -> dict[str, Any]:
        """Returns what `from_json` takes."""
        return {
            "format": FORMAT,
            "is_image": self.is_image,
            "columns": [
                dataclasses.asdict(bins) | {"counts": counts.tolist()}
                for bins, counts in zip(self.bins, self.counts, strict=True)
            ],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Sketch":
        """Returns the sketch that `to_json` told."""
        columns = [dict(column) for column in value["columns"]]
        counts = [np.array(c.pop("counts"), np.int64) for c in columns]
        bins = tuple(
            Bins(**c | {n: tuple(c[n]) for n in ("edges", "words")})
            for c in columns
        )
        return cls(bins, counts, value["is_image"])


def of_training(dataset: Dataset) -> Sketch | None:
    """Sketches the training rows of a dataset.

    Returns:
      None where it has too many columns for it.
    """
    train = dataset.splits["train"]
    rows = evenly_spaced(train.examples, MOST_ROWS)
    x = train.x[train.places(rows)]
    is_image = dataset.kind == "image"
    if not is_image and math.prod(x.shape[1:]) > MOST_COLUMNS:
        return None
    flat = _features(x, is_image)
    if is_image:
        named = [
            Bins(name, place, _edges(flat[:, place]))
            for place, name in enumerate(IMAGE)
        ]
    elif dataset.encoding is None:
        named = [
            Bins(f"column {place}", place, _edges(flat[:, place]))
            for place in range(flat.shape[1])
        ]
    else:
        named = _of_encoding(dataset.encoding, flat)
    found = Sketch(tuple(named), [], is_image).empty()
    found._count(flat, {})
    return found


def _of_encoding(encoding: Encoding, flat: np.ndarray) -> list[Bins]:
    found = []
    for column, own in placed(encoding.columns):
        features, start = column.values_features, own.start
        if isinstance(column, CategoryColumn):
            words = (*column.categories, *["(rare)"] * column.groups_rare)
            found.append(
                Bins(column.name, start, (), words, column.marks_missing)
            )
        else:
            missing = np.zeros(len(flat), bool)
            if column.marks_missing:
                missing = flat[:, start + len(features)] > 0
            # A missing value's own features are nobody's.
            there = flat[~missing]
            found += [
                Bins(
                    name,
                    start + place,
                    _edges(there[:, start + place]),
                    (),
                    column.marks_missing,
                    len(features) - 1 - place,
                )
                for place, name in enumerate(features)
            ]
    return found


def _edges(values: np.ndarray) -> tuple[float, ...]:
    """Returns the quantiles of numbers, each once."""
    if not len(values):
        return (0.0,)
    shares = np.linspace(0, 1, QUANTILES + 1)
    # Values that there are, so that what is above none is above the bins.
    found = np.quantile(values, shares, method="inverted_cdf")
    return tuple(np.unique(found).astype(float).tolist())


def _features(rows: np.ndarray, is_image: bool) -> np.ndarray:
    flat = rows.reshape(len(rows), -1)
    if not is_image:
        return flat.astype(np.float64)
    found = np.empty((len(rows), len(IMAGE)))
    for start in range(0, len(rows), IMAGES_AT_ONCE):
        stop = start + IMAGES_AT_ONCE
        block = flat[start:stop].astype(np.float64)
        found[start:stop, 0] = block.mean(axis=1)
        found[start:stop, 1] = block.std(axis=1)
    return found
