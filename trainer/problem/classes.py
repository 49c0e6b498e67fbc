"""Rows of one class each: half of two types."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.problem import class_numbers
from trainer.problem import scores
from trainer.problem.problem import Problem
from trainer.problem.problem import require
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf


class Classes(Problem):
    """One class of several: the distinct labels of the training rows."""

    score = "accuracy"
    has_class = True

    @classmethod
    def settle(
        cls,
        name: str,
        config: Config,
        dataset: Dataset,
        earlier: Problem | None = None,
    ) -> tuple[Self, Dataset]:
        for key, split in dataset.splits.items():
            cls.check_classes(key, split.y)
        if earlier is not None:
            names, unknown = earlier.labels, "the run does not know"
        else:
            names, unknown = cls.classes_of(dataset), "no training row has"
        dataset = class_numbers.numbered(dataset, names, unknown)
        is_told = earlier.class_names if earlier else dataset.class_names
        if not is_told and class_numbers.is_plain(names):
            names = ()
        dataset = dataclasses.replace(dataset, class_names=names)
        problem, dataset = super().settle(name, config, dataset)
        if earlier is not None:
            problem = dataclasses.replace(problem, outputs=earlier.outputs)
        return problem, dataset

    @classmethod
    def convert(cls, key: str, y: np.ndarray) -> np.ndarray:
        return y

    @classmethod
    def classes_of(cls, dataset: Dataset) -> tuple[str, ...]:
        """Returns the classes' names by number, from the training rows.

        Raises:
          UserError: there are too few classes, or too many.
        """
        return class_numbers.training_classes(dataset)

    @classmethod
    def check_classes(cls, key: str, y: np.ndarray) -> None:
        """Checks labels as they are stored, [rows] or one-hot rows.

        Raises:
          UserError: one that cannot be a class.
        """
        if y.ndim == 2 and y.shape[1] > 1:
            one_hot = np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1)
            require(one_hot, y, key, "rows of one-hot labels hold a single 1")
        elif y.dtype.kind == "f":
            rule = "classes are whole numbers, or names"
            require(y == np.floor(y), y, key, rule)

    def decide_tensor(self, outputs: "tf.Tensor") -> "tf.Tensor":
        """Does in TensorFlow what `decide` does: int64 [rows]."""
        raise NotImplementedError

    def confidence(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the probability of what is answered, float32 [rows]."""
        raise NotImplementedError

    def served(self, outputs: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        return super().served(outputs) | {"class": self.decide_tensor(outputs)}

    def say_score(self, values: Mapping[str, float]) -> str:
        return f"{100 * values[self.score]:.2f}%"

    def detail(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        answers = self.decide(outputs)
        right = answers == truth
        return {
            "intervals": {
                "accuracy": scores.wilson(int(right.sum()), len(right))
            },
            "per_class": scores.per_class(self.labels, truth, answers),
            "confusion": scores.confusion(self.labels, truth, answers),
            "calibration": scores.calibration(self.confidence(outputs), right),
        }

    def say(self, answer: np.ndarray) -> str:
        return self.labels[int(answer)]

    @property
    def answer_columns(self) -> Sequence[str]:
        return ["class"]

    def answer_cells(self, answer: np.ndarray) -> Sequence[str]:
        return [self.say(answer)]

    def answer_json(self, answer: np.ndarray) -> dict[str, Any]:
        return {"class": self.say(answer)}
