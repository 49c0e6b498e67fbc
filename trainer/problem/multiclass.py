"""One class of several, by a softmax over them."""

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.problem.classes import Classes
from trainer.problem.decisions import logs
from trainer.problem.marks import smoothing_of
from trainer.problem.problem import Problem
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf

# Hits of more classes are not summed at each step.
MOST_SUMMED_CLASSES = 100


class Multiclass(Classes):
    """A unit for each class, of which the greatest is answered."""

    activation = "softmax"
    losses = ("categorical_crossentropy", "focal")
    keras_losses = {"focal": "categorical_focal_crossentropy"}  # noqa: RUF012
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
        # Keras has neither of integer classes; the numbers are the same.
        needs_marks = config.label_smoothing or config.loss == "focal"
        one_hot = config.label_encoding == "one_hot" or bool(needs_marks)
        loss = problem.loss if one_hot else f"sparse_{problem.loss}"
        return dataclasses.replace(problem, loss=loss, one_hot=one_hot), dataset

    @classmethod
    def names_of_losses(cls) -> frozenset[str]:
        names = super().names_of_losses()
        return names | {f"sparse_{name}" for name in names}

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

    @property
    def loss_options(self) -> dict[str, float]:
        options = smoothing_of(self)
        if "focal" in self.loss:
            # Keras's own would weigh all classes by 1/4.
            options["alpha"] = 1.0
        return options

    def weight_of(self, y: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        weights = tf.constant(self.class_weights, tf.float32)
        if self.one_hot:
            return tf.linalg.matvec(y, weights)
        return tf.gather(weights, y)

    def skewed(self, counts: np.ndarray) -> Self:
        if self.outputs > MOST_SUMMED_CLASSES:
            return self
        metrics = (*self.metrics, "balanced_accuracy")
        return dataclasses.replace(
            self, metrics=metrics, headline="balanced_accuracy"
        )

    @property
    def sum_names(self) -> tuple[str, ...]:
        names = super().sum_names
        if "balanced_accuracy" not in self.metrics:
            return names
        places = range(self.outputs)
        sums = (f"{name}_{i}" for name in ("hits", "rows") for i in places)
        return (*names, *sums)

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        import tensorflow as tf

        truth = tf.argmax(y, -1) if self.one_hot else tf.cast(y, tf.int64)
        right = tf.cast(self.decide_tensor(p) == truth, tf.float32)
        sums: list[Any] = [[tf.reduce_sum(right * weight)]]
        if "balanced_accuracy" in self.metrics:
            rows = tf.one_hot(truth, self.outputs) * weight[:, None]
            hits = tf.reduce_sum(rows * right[:, None], axis=0)
            sums += [hits, tf.reduce_sum(rows, axis=0)]
        return sums

    def as_outputs(self, y: np.ndarray) -> np.ndarray:
        rows = np.zeros((len(y), self.outputs))
        rows[np.arange(len(y)), y] = 1
        return rows

    def guess(self, y: np.ndarray) -> np.ndarray:
        return np.bincount(y, minlength=self.outputs) / len(y)

    def _loss_of_guess(
        self, some: np.ndarray, counts: np.ndarray, weights: np.ndarray
    ) -> float:
        import tensorflow as tf

        # The loss is linear in one-hot rows: that of their mean is its mean.
        sums = np.bincount(some, weights, self.outputs)
        mean = tf.constant(np.float32(sums[None] / sums.sum()))
        plain = dataclasses.replace(
            self,
            loss=self.loss.removeprefix("sparse_"),
            one_hot=True,
            class_weights=(),
        )
        loss = float(plain.row_losses(mean, mean)[0])
        return loss * float(sums.sum()) / len(some)

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        right = (self.decide(outputs) == truth).astype(np.float64)[:, None]
        if "balanced_accuracy" not in self.metrics:
            return right
        rows = self.as_outputs(truth)
        return np.concatenate([right, rows * right, rows], axis=1)

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        found = {"accuracy": sums["correct"] / examples}
        if "balanced_accuracy" in self.metrics:
            recalls = [
                sums[f"hits_{i}"] / sums[f"rows_{i}"]
                for i in range(self.outputs)
                if sums[f"rows_{i}"]
            ]
            found["balanced_accuracy"] = sum(recalls) / len(recalls)
        return found

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.argmax(axis=1)

    def decide_tensor(self, outputs: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        return tf.argmax(outputs, axis=1)

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        return outputs.max(axis=1)

    def tempered_loss(
        self, outputs: np.ndarray, truth: np.ndarray, temperature: float
    ) -> float:
        powers = logs(outputs) / temperature
        powers -= powers.max(axis=1, keepdims=True)
        of_true = powers[np.arange(len(truth)), truth]
        return float((np.log(np.exp(powers).sum(axis=1)) - of_true).mean())

    def is_tie(self, outputs: np.ndarray, tolerance: float) -> np.ndarray:
        second, first = np.sort(outputs, axis=1)[:, -2:].T
        return np.asarray(first - second < tolerance)

    def wrongness(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        right = self.decide(outputs) == truth
        return np.where(right, 0.0, self.confidence(outputs))
