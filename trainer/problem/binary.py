"""Two classes, by the chance of the second."""

import dataclasses
import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.config import EvaluationConfig
from trainer.problem import class_numbers
from trainer.problem.classes import Classes
from trainer.problem.curves import average_precision
from trainer.problem.decisions import best_threshold
from trainer.problem.decisions import USUAL_THRESHOLD
from trainer.problem.marks import found
from trainer.problem.marks import Marks
from trainer.problem.problem import ratio
from trainer.process.exits import UserError
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf


class Binary(Marks, Classes):
    """One class or the other: the mark of a single label, the second's."""

    metrics = (
        "accuracy",
        "precision",
        "recall",
        "balanced_accuracy",
        "auc",
        "average_precision",
    )
    of_last_class = ("precision", "recall", "average_precision")
    output_meaning = "; of the second class"
    takes_threshold = True

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
        positives, negatives = sums["positives"], examples - sums["positives"]
        recalls = [
            part / whole
            for part, whole in (
                (sums["hits"], positives),
                (sums["correct"] - sums["hits"], negatives),
            )
            if whole
        ]
        return {
            "accuracy": sums["correct"] / examples,
            "precision": ratio(sums["hits"], sums["found"]),
            "recall": ratio(sums["hits"], positives),
            "balanced_accuracy": sum(recalls) / len(recalls),
        }

    def weight_of(self, y: "tf.Tensor") -> "tf.Tensor":
        first, second = self.class_weights
        return first + (second - first) * y[:, 0]

    def skewed(self, counts: np.ndarray) -> Self:
        is_rare = counts[1] < counts[0]
        headline = "average_precision" if is_rare else "balanced_accuracy"
        return dataclasses.replace(self, headline=headline)

    def as_asked(self, config: Config, y: np.ndarray) -> Self:
        problem = super().as_asked(config, y)
        return dataclasses.replace(
            problem, threshold=config.evaluation.threshold
        )

    def told(self) -> list[str]:
        return [f"positive class: {self.labels[1]}", *super().told()]

    def threshold_of(
        self, outputs: np.ndarray, truth: np.ndarray, config: EvaluationConfig
    ) -> float:
        metric = self._threshold_by(config)
        if metric is None:
            return self.threshold
        return best_threshold(truth, outputs[:, 0], metric)

    def _threshold_by(self, config: EvaluationConfig) -> str | None:
        is_rare = self.headline == "average_precision"
        if config.threshold_by == "auto":
            is_chosen = is_rare and config.threshold == USUAL_THRESHOLD
            return "f1" if is_chosen else None
        return None if config.threshold_by == "none" else config.threshold_by

    def has_decision(self, config: EvaluationConfig) -> bool:
        has_threshold = self._threshold_by(config) is not None
        return has_threshold or super().has_decision(config)

    def guess(self, y: np.ndarray) -> np.ndarray:
        """Answers the commonest class, whatever the threshold."""
        is_second = found(super().guess(y))
        return np.where(is_second, np.inf, -np.inf)

    def has_score(self, truth: np.ndarray) -> bool:
        return self.score != "average_precision" or bool(truth.any())

    def resampled(
        self, outputs: np.ndarray, truth: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        if self.score != "average_precision":
            return super().resampled(outputs, truth, counts)
        return average_precision(truth, outputs[:, 0], counts)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return super().decide(outputs)[:, 0]

    def decide_tensor(self, outputs: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        return tf.cast(found(outputs[:, 0], self.threshold), tf.int64)

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        chance = outputs[:, 0]
        return np.where(found(chance, self.threshold), chance, 1 - chance)

    def detail(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        detail = super().detail(outputs, truth)
        of_true = detail["per_class"][1]
        for name in ("precision", "recall"):
            detail["intervals"][name] = of_true[f"{name}_interval"]
        return detail

    @property
    def output_columns(self) -> Sequence[str]:
        return [f"probability_{self.labels[1]}"]
