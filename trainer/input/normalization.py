"""The one normalisation: the same in training, evaluation and export."""

import dataclasses

import numpy as np
import tensorflow as tf

from trainer.input.moments import divisor
from trainer.input.moments import moments
from trainer.sources import Dataset


@dataclasses.dataclass(frozen=True)
class Normalization:
    """(x - mean) / std, the same in training, evaluation and export.

    Attributes:
      mean, std: float32 [features] or [1], of the flattened example.
    """

    mean: np.ndarray
    std: np.ndarray

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Returns float32 [rows, features] of stored x [rows, *shape]."""
        features = int(np.prod(x.shape[1:]))
        x = tf.cast(tf.reshape(x, [-1, features]), tf.float32)
        if self.mean.any():
            x = x - self.mean
        return x / self.std


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
    mean, std = moments(split, per_column=dataset.kind == "table")
    return Normalization(mean.astype(np.float32), divisor(mean, std))
