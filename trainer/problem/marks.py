"""Labels that are true or not, each by its own chance: half of two types."""

from collections.abc import Iterator
from typing import Any
from typing import ClassVar
from typing import TYPE_CHECKING

import numpy as np

from trainer.problem.problem import Problem

if TYPE_CHECKING:
    import tensorflow as tf


def found(chances: Any) -> Any:
    """Which labels are told to be true, of NumPy or TensorFlow."""
    return chances > 0.5


class Marks(Problem):
    """A sigmoid for each label, and a threshold that decides."""

    activation = "sigmoid"
    losses = ("binary_crossentropy",)
    sums: ClassVar[tuple[str, ...]] = ("correct", "hits", "found", "positives")

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        import tensorflow as tf

        told = tf.cast(found(p), tf.float32)
        right = tf.cast(tf.equal(told, y), tf.float32)
        marks = (right, told * y, told, y)
        return [[tf.reduce_sum(each * weight[:, None]) for each in marks]]

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        y, told = truth.reshape(outputs.shape), found(outputs)
        marks = (told == y, told * y, told, y)
        return np.stack([each.sum(axis=1) for each in marks], axis=1).astype(
            np.float64
        )

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return found(outputs).astype(np.int64)

    def is_tie(self, outputs: np.ndarray, tolerance: float) -> np.ndarray:
        return np.any(np.abs(outputs - 0.5) < tolerance, axis=1)

    def chances(
        self, outputs: np.ndarray, truth: np.ndarray
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        marks = truth.reshape(len(truth), -1)
        # A single output is the chance of the last of two classes.
        names = self.labels[-self.outputs :]
        yield from zip(names, marks.T, outputs.T, strict=True)

    def wrongness(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        gap = np.abs(outputs - truth.reshape(len(truth), -1)).max(axis=1)
        return np.where(gap >= 0.5, gap, 0.0)
