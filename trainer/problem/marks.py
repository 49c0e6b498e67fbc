"""Labels that are true or not, each by its own chance: half of two types."""

from collections.abc import Iterator
from typing import Any
from typing import ClassVar
from typing import TYPE_CHECKING

import numpy as np

from trainer.problem.decisions import logs
from trainer.problem.decisions import USUAL_THRESHOLD
from trainer.problem.problem import Problem

if TYPE_CHECKING:
    import tensorflow as tf


def found(chances: Any, threshold: float = USUAL_THRESHOLD) -> Any:
    """Which labels are told to be true, of NumPy or TensorFlow."""
    return chances > threshold


def smoothing_of(problem: Problem) -> dict[str, float]:
    """Returns the options of a loss of chances that differ from Keras's own."""
    options: dict[str, float] = {}
    if problem.label_smoothing:
        options["label_smoothing"] = problem.label_smoothing
    if "focal" in problem.loss:
        options["gamma"] = problem.focal_gamma
    return options


class Marks(Problem):
    """A sigmoid for each label, and a threshold that decides."""

    activation = "sigmoid"
    losses = ("binary_crossentropy", "focal")
    keras_losses = {"focal": "binary_focal_crossentropy"}  # noqa: RUF012
    sums: ClassVar[tuple[str, ...]] = ("correct", "hits", "found", "positives")

    @property
    def loss_options(self) -> dict[str, float]:
        return smoothing_of(self)

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        import tensorflow as tf

        told = tf.cast(found(p, self.threshold), tf.float32)
        right = tf.cast(tf.equal(told, y), tf.float32)
        marks = (right, told * y, told, y)
        return [[tf.reduce_sum(each * weight[:, None]) for each in marks]]

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        y, told = truth.reshape(outputs.shape), found(outputs, self.threshold)
        marks = (told == y, told * y, told, y)
        return np.stack([each.sum(axis=1) for each in marks], axis=1).astype(
            np.float64
        )

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return found(outputs, self.threshold).astype(np.int64)

    def is_tie(self, outputs: np.ndarray, tolerance: float) -> np.ndarray:
        return np.any(np.abs(outputs - self.threshold) < tolerance, axis=1)

    def chances(
        self, outputs: np.ndarray, truth: np.ndarray
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        marks = truth.reshape(len(truth), -1)
        # A single output is the chance of the last of two classes.
        names = self.labels[-self.outputs :]
        yield from zip(names, marks.T, outputs.T, strict=True)

    def wrongness(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        marks = truth.reshape(len(truth), -1)
        wrong = found(outputs, self.threshold) != marks
        return np.where(wrong, np.abs(outputs - marks), 0.0).max(axis=1)

    def tempered_loss(
        self, outputs: np.ndarray, truth: np.ndarray, temperature: float
    ) -> float:
        marks = truth.reshape(len(truth), -1)
        gap = (logs(outputs) - logs(1 - outputs)) / temperature
        return float((np.logaddexp(0, gap) - marks * gap).mean())
