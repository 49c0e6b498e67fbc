"""Two classes, by the chance of the second."""

import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from trainer.problem import class_numbers
from trainer.problem.classes import Classes
from trainer.problem.marks import found
from trainer.problem.marks import Marks
from trainer.problem.problem import ratio
from trainer.process.exits import UserError
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf


class Binary(Marks, Classes):
    """One class or the other: the mark of a single label, the second's."""

    metrics = ("accuracy", "precision", "recall", "auc")
    output_meaning = "; of class 1"

    @classmethod
    def classes_of(cls, dataset: Dataset) -> tuple[str, ...]:
        names = class_numbers.training_classes(dataset)
        if len(names) > 2:
            raise UserError(
                f"y_train holds {len(names)} classes, such as"
                f" {', '.join(names[:3])}, and problem 'binary' has two;"
                " correct the labels or set --config.problem=multiclass"
            )
        return names

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
