"""Several labels, each of which may be true of a row."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.problem import scores
from trainer.problem.marks import found
from trainer.problem.marks import Marks
from trainer.problem.problem import ratio
from trainer.problem.problem import require

if TYPE_CHECKING:
    import tensorflow as tf


class Multilabel(Marks):
    """A mark of 0 or 1 for each label."""

    metrics = ("binary_accuracy", "exact_match", "f1_micro", "auc")
    usual_score = "binary_accuracy"
    sums = (*Marks.sums, "exact")

    @classmethod
    def convert(cls, key: str, y: np.ndarray) -> np.ndarray:
        y = y.reshape(len(y), -1)
        rule = "labels of problem 'multilabel' are 0 or 1"
        require(np.isin(y, (0, 1)), y, key, rule)
        return y.astype(np.uint8)

    def as_asked(self, config: Config, y: np.ndarray) -> Self:
        evaluation = dataclasses.replace(
            config.evaluation, temperature_scaling=False
        )
        asked = dataclasses.replace(
            config, label_smoothing=0.0, evaluation=evaluation
        )
        return dataclasses.replace(
            super().as_asked(asked, y),
            focal_gamma=config.focal_gamma,
            label_smoothing=config.label_smoothing,
        )

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        import tensorflow as tf

        told = tf.cast(found(p), tf.float32)
        right = tf.cast(tf.equal(told, y), tf.float32)
        exact = tf.reduce_min(right, axis=1)
        sums = super().batch_sums(y, p, weight)
        return [*sums, [tf.reduce_sum(exact * weight)]]

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        exact = (found(outputs) == truth).all(axis=1)
        return np.column_stack([super().row_sums(outputs, truth), exact])

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        return {
            "binary_accuracy": sums["correct"] / (examples * self.outputs),
            "exact_match": sums["exact"] / examples,
            "f1_micro": ratio(
                2 * sums["hits"], sums["found"] + sums["positives"]
            ),
        }

    def say_score(self, values: Mapping[str, float]) -> str:
        return f"{100 * values[self.score]:.2f}% of labels"

    def detail(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        told = found(outputs)
        right = told == (truth == 1)
        exact = int(right.all(axis=1).sum())
        return {
            "intervals": {"exact_match": scores.wilson(exact, len(right))},
            "per_class": scores.per_label(self.labels, truth == 1, told),
            "calibration": scores.calibration(
                np.where(told, outputs, 1 - outputs).ravel(), right.ravel()
            ),
        }

    def say(self, answer: np.ndarray) -> str:
        return ", ".join(self._true(answer)) or "none"

    def _true(self, answer: np.ndarray) -> list[str]:
        return [self.labels[i] for i in np.flatnonzero(answer)]

    @property
    def answer_columns(self) -> Sequence[str]:
        return self.labels

    def answer_cells(self, answer: np.ndarray) -> Sequence[str]:
        return list(map(str, answer.tolist()))

    def answer_json(self, answer: np.ndarray) -> dict[str, Any]:
        return {"labels": self._true(answer)}
