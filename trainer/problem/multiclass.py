"""One class of several, by a softmax over them."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.problem.classes import Classes
from trainer.problem.problem import Problem
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf


class Multiclass(Classes):
    """A unit for each class, of which the greatest is answered."""

    activation = "softmax"
    losses = ("categorical_crossentropy",)
    metrics = ("accuracy",)
    sums = ("correct",)
    takes_top_k = True

    @classmethod
    def settle(
        cls,
        name: str,
        config: Config,
        dataset: Dataset,
        earlier: Problem | None = None,
    ) -> tuple[Self, Dataset]:
        problem, dataset = super().settle(name, config, dataset, earlier)
        one_hot = config.label_encoding == "one_hot"
        loss = problem.loss if one_hot else f"sparse_{problem.loss}"
        return dataclasses.replace(problem, loss=loss, one_hot=one_hot), dataset

    @classmethod
    def count_outputs(cls, dataset: Dataset) -> int:
        return len(dataset.class_names) or (
            int(dataset.splits["train"].y.max()) + 1
        )

    def targets(self, y: "tf.Tensor") -> "tf.Tensor":
        """Returns labels as the loss takes them.

        Returns:
          float32 [rows, outputs] where they are one-hot, else int32 [rows].
        """
        import tensorflow as tf

        return tf.one_hot(y, self.outputs) if self.one_hot else y

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        import tensorflow as tf

        truth = tf.argmax(y, -1) if self.one_hot else tf.cast(y, tf.int64)
        right = tf.cast(self.decide_tensor(p) == truth, tf.float32)
        return [[tf.reduce_sum(right * weight)]]

    def as_outputs(self, y: np.ndarray) -> np.ndarray:
        return np.eye(self.outputs)[y]

    def guess(self, y: np.ndarray) -> np.ndarray:
        return np.bincount(y, minlength=self.outputs) / len(y)

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return (self.decide(outputs) == truth).astype(np.float64)[:, None]

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        return {"accuracy": sums["correct"] / examples}

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.argmax(axis=1)

    def decide_tensor(self, outputs: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        return tf.argmax(outputs, axis=1)

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.max(axis=1)

    def is_tie(self, outputs: np.ndarray, tolerance: float) -> np.ndarray:
        second, first = np.sort(outputs, axis=1)[:, -2:].T
        return np.asarray(first - second < tolerance)

    def wrongness(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        right = self.decide(outputs) == truth
        return np.where(right, 0.0, self.confidence(outputs))
