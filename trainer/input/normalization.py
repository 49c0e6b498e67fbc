"""The one normalisation: the same in training, evaluation and export."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from trainer.input.moments import Centered
from trainer.input.moments import centered
from trainer.input.moments import divisor
from trainer.input.moments import moments
from trainer.sources import Dataset

PREFIX = "normalization/"


@dataclasses.dataclass(frozen=True)
class Normalization:
    """(x - mean) / std, the same in training, evaluation and export.

    Where float32 would lose what tells rows apart, a center is taken off and
    the rest divided by a scale, in the center's dtype, before.

    Attributes:
      mean, std: float32 [features] or [1], of the flattened example.
      center: int64 or float64 of the same shape, or None.
      scale: float64 where the center is, else None.
    """

    mean: np.ndarray
    std: np.ndarray
    center: np.ndarray | None = None
    scale: np.ndarray | None = None

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Normalization":
        """Returns what `arrays` told; further arrays are not looked at."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(arrays.get(PREFIX + name) for name in names))  # type: ignore[arg-type]

    @property
    def told(self) -> str | None:
        """What a reader should know of it; None where there is nothing."""
        if self.center is None:
            return None
        columns = np.flatnonzero(self.center)
        shown = ", ".join(f"column {index}" for index in columns[:5])
        if self.center.size == 1:
            shown = "all values"
        more = f" and {len(columns) - 5} more" * (len(columns) > 5)
        return (
            f"{shown}{more}: of a spread that float32 would lose; the mean is"
            f" taken off in {self.center.dtype} first"
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns what a checkpoint keeps of it, by name."""
        named = {PREFIX + name: array for name, array in vars(self).items()}
        return {name: a for name, a in named.items() if a is not None}

    def in_float64(self, x: np.ndarray) -> np.ndarray:
        """Returns float64 [rows, features] of stored x [rows, *shape].

        The same without TensorFlow, for models that are not the network.
        """
        flat = np.asarray(x).reshape(len(x), -1)
        if self.center is not None:
            flat = flat.astype(self.center.dtype) - self.center
        flat = np.asarray(flat, np.float64)
        if self.scale is not None:
            flat = flat / self.scale
        return (flat - self.mean) / self.std

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Returns float32 [rows, features] of stored x [rows, *shape]."""
        features = int(np.prod(x.shape[1:]))
        x = tf.reshape(x, [-1, features])
        if self.center is not None:
            x = tf.cast(x, self.center.dtype) - self.center
        if self.scale is not None:
            x = x / self.scale
        x = tf.cast(x, tf.float32)
        if self.mean.any():
            x = x - self.mean
        return x / self.std


class AsStored(Normalization):
    """For a network that takes rows as they are stored, and normalises itself.

    What it holds is that of the network's first part, for other models; the
    features of that part come first.
    """

    def in_float64(self, x: np.ndarray) -> np.ndarray:
        """Returns those features of x, normalised."""
        flat = np.asarray(x).reshape(len(x), -1)
        own = self.mean.size if self.mean.size > 1 else None
        return super().in_float64(flat[:, :own])

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Returns x."""
        return x


def fit_normalization(kind: str, dataset: Dataset) -> Normalization:
    """Settles how inputs are normalised, from the training rows alone.

    Args:
      kind: the config's data.normalization.
      dataset: images share one mean and deviation, a table's columns have
        their own; a constant column is left at 0.

    Returns:
      "auto" divides by `dataset.largest` where it is known and the mean of the
      quotient is below 1/2 (else it is far from 0), and standardises all else.
      Of more than MOST_MOMENT_BYTES of rows, evenly spaced blocks are looked
      at, so that a start does not take longer for more data.
    """
    split = dataset.splits["train"]
    one = np.ones(1, np.float32)
    if kind == "none":
        return Normalization(0 * one, one)
    scale = Normalization(0 * one, one * (dataset.largest or 1))
    if kind == "scale":
        return scale
    if kind == "auto" and dataset.largest:
        mean, _ = moments(split, per_column=False)
        if mean[0] / scale.std[0] < 0.5:
            return scale
    per_column = dataset.kind == "table"
    mean, std = moments(split, per_column=per_column)
    found = centered(split, mean, std, per_column=per_column)
    if found is not None:
        return _of_centered(found)
    return Normalization(mean.astype(np.float32), divisor(mean, std))


def _of_centered(found: Centered) -> Normalization:
    mean = found.mean.astype(np.float32)
    with np.errstate(over="ignore", under="ignore"):
        std = divisor(found.mean, found.std)
    if found.center.dtype == np.int64:
        return Normalization(mean, std, found.center)
    return Normalization(
        np.where(found.is_lost, np.float32(0), mean),
        np.where(found.is_lost, np.float32(1), std),
        found.center + np.where(found.is_lost, found.mean, 0),
        np.where(found.is_lost, found.std, 1),
    )
