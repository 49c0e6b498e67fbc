"""Two classes, by the chance of the second."""

import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from trainer.problem.classes import Classes
from trainer.problem.marks import found
from trainer.problem.marks import Marks
from trainer.problem.problem import ratio
from trainer.problem.problem import require
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf


class Binary(Marks, Classes):
    """Class 0 or 1: the mark of a single label, which is class 1's."""

    metrics = ("accuracy", "precision", "recall", "auc")
    output_meaning = "; of class 1"

    @classmethod
    def check_classes(cls, key: str, y: np.ndarray) -> None:
        rule = "labels of problem 'binary' are 0 or 1"
        require(np.isin(y, (0, 1)), y, key, rule)

    @classmethod
    def count_outputs(cls, dataset: Dataset) -> int:
        return 1

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        return self.class_names or ("0", "1")

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        return {
            "accuracy": sums["correct"] / examples,
            "precision": ratio(sums["hits"], sums["found"]),
            "recall": ratio(sums["hits"], sums["positives"]),
        }

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return super().decide(outputs)[:, 0]

    def decide_tensor(self, outputs: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        return tf.cast(found(outputs[:, 0]), tf.int64)

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        chance = outputs[:, 0]
        return np.where(found(chance), chance, 1 - chance)

    def detail(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        detail = super().detail(outputs, truth)
        of_true = detail["per_class"][1]
        for name in ("precision", "recall"):
            detail["intervals"][name] = of_true[f"{name}_interval"]
        return detail

    @property
    def output_columns(self) -> Sequence[str]:
        return [f"probability_{self.labels[1]}"]
