"""Arrays in their splits, and a fingerprint of them."""

import dataclasses
import hashlib
from collections.abc import Mapping

import numpy as np

from trainer.sources.labels import Guess
from trainer.sources.streamed_rows import StreamedRows
from trainer.tables.encoding import Encoding

# What rows stand in.
Rows = np.ndarray | StreamedRows
FINGERPRINT_ROWS = 64
# Of an array all of which is told from others: hundredths of a second.
MOST_TOLD_BYTES = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class Split:
    """Examples of one split, as stored: read through `rows` where it is set.

    Attributes:
      x: numbers [rows, *shape], in the stored dtype (uint8 images stay uint8);
        may be a memory map, or streamed.
      y: labels [rows] or [rows, outputs]: integer classes, 0/1 marks or values.
      rows: int64 [examples], the rows of x and y that are this split's, or
        None for all of them in order.
      groups: int64 [rows of x], which group each belongs to, or None.
      orders: int64 [rows of x], where each stands in the order of time, or
        None.
      weights: float64 [rows of x], what each counts in the loss, or None.
      kept: int64 [rows of x], which rows of a file they are, or None where it
        is all of them in order.
    """

    x: Rows
    y: np.ndarray
    rows: np.ndarray | None = None
    groups: np.ndarray | None = None
    orders: np.ndarray | None = None
    weights: np.ndarray | None = None
    kept: np.ndarray | None = None

    @property
    def examples(self) -> int:
        return len(self.x) if self.rows is None else len(self.rows)

    def places(self, examples: np.ndarray) -> np.ndarray:
        """Returns which rows of x and y some of the split's examples are."""
        return examples if self.rows is None else self.rows[examples]

    def labels(self) -> np.ndarray:
        """Returns the split's labels in order, [examples, ...]."""
        return self.y if self.rows is None else self.y[self.rows]

    def relative_weights(self) -> np.ndarray | None:
        """Returns what rows count, 1 in the mean of the split's.

        Returns:
          float64 [rows of x]; None where each counts as much.
        """
        if self.weights is None:
            return None
        where = slice(None) if self.rows is None else self.rows
        # A run of an earlier version may have weights of 0 alone.
        return self.weights / (self.weights[where].mean() or 1.0)


@dataclasses.dataclass(frozen=True)
class Dataset:
    """Arrays in their splits, and what is known of them.

    Attributes:
      name: for people, such as "mnist" or the folder's own name.
      splits: "train" and "test", and "validation" where the source has one or
        the config holds one out.
      kind: "image" (all features alike: one mean and one deviation) or "table"
        (each column its own).
      largest: the value that `x` is divided by to lie in [0, 1] (255 for uint8
        images), or None where there is no such value.
      class_names: a name for each class or label, or () where there are none.
      origin: where the data comes from and its licence, in a sentence.
      folder: --data_dir as an absolute path, or None where none was given.
      encoding: how a table's cells became x, or None where x is as stored.
      notes: what was made of its files, a line each, for people.
      feature_names: a name for each feature of a table, or () where there are
        none; with an encoding its columns have theirs.
      guess: which problem the labels fit, by the rows that there were before
        some were held out; None where it was not asked.
    """

    name: str
    splits: Mapping[str, Split]
    kind: str
    largest: float | None = None
    class_names: tuple[str, ...] = ()
    origin: str = ""
    folder: str | None = None
    encoding: Encoding | None = None
    notes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    guess: Guess | None = None

    def check_read(self) -> None:
        """Raises what the last read of streamed rows ended with, if it did.

        TensorFlow, which asks for them, tells less of it.
        """
        for split in self.splits.values():
            if isinstance(split.x, StreamedRows) and split.x.failure:
                raise split.x.failure

    def without(self, split: str) -> "Dataset":
        """Returns the dataset with no such split."""
        others = {n: s for n, s in self.splits.items() if n != split}
        return dataclasses.replace(self, splits=others)


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """Returns int64 [min(count, most)] of range(count), both ends included."""
    taken = min(count, most)
    return np.arange(taken) * (count - 1) // max(taken - 1, 1)


def fingerprint(dataset: Dataset) -> str:
    """Tells one set of arrays from another without reading all of it.

    Args:
      dataset: what `load` returned; x may be a memory map larger than memory.

    Returns:
      SHA-256, in hex, over each split's name, its arrays' shapes and dtypes,
      its number of examples, and up to 64 evenly spaced examples; see
      `rows_sha256` for those between. Of rows for an ensemble it is that of its
      first run's.
    """
    digest = hashlib.sha256()
    for name, split in sorted(_of_first(dataset).splits.items()):
        rows = split.places(evenly_spaced(split.examples, FINGERPRINT_ROWS))
        digest.update(f"{name} {split.examples}".encode())
        for array in (split.x, split.y, split.weights):
            if array is None:
                continue
            digest.update(f" {array.shape} {array.dtype.str} ".encode())
            digest.update(np.ascontiguousarray(array[rows]).tobytes())
    return digest.hexdigest()


def rows_sha256(dataset: Dataset) -> dict[str, str]:
    """Tells each split's rows from others to the byte, where they are few.

    Args:
      dataset: as of `fingerprint`.

    Returns:
      SHA-256, in hex, by split, over those of its features, labels and weights
      that are arrays of 64 MiB or less.
    """
    found: dict[int, bytes] = {}  # splits may share an array
    told = {}
    for name, split in dataset.splits.items():
        digest = hashlib.sha256()
        for array in (split.x, split.y, split.weights):
            if not isinstance(array, np.ndarray):
                continue
            if array.nbytes > MOST_TOLD_BYTES:
                continue
            if id(array) not in found:
                found[id(array)] = hashlib.sha256(array.tobytes()).digest()
            digest.update(found[id(array)])
        told[name] = digest.hexdigest()
    return told


def _of_first(dataset: Dataset) -> Dataset:
    """Returns the data as the first of an ensemble's runs takes it."""
    encoding = dataset.encoding
    if encoding is None or not encoding.others:
        return dataset
    own = len(dataclasses.replace(encoding, others=()).features)
    splits = {
        name: dataclasses.replace(split, x=split.x[:][:, :own])
        for name, split in dataset.splits.items()
    }
    return dataclasses.replace(dataset, splits=splits)
