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
from trainer.problem import class_weights
from trainer.problem import scores
from trainer.problem.problem import Problem
from trainer.problem.problem import require
from trainer.process.exits import UserError
from trainer.sources import Dataset

if TYPE_CHECKING:
    import tensorflow as tf

# Classes are skewed where more of the training rows are of one of them: to
# answer that one always is as accurate.
SKEWED_SHARE = 0.8


class Classes(Problem):
    """One class of several: the distinct labels of the training rows."""

    usual_score = "accuracy"
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
            class_weights.check_once(config.data.class_weight)
            names, unknown = cls.classes_of(dataset), "no training row has"
            names = cls.in_order(names, config.data.positive_class)
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
    def in_order(
        cls, names: tuple[str, ...], positive: str | None
    ) -> tuple[str, ...]:
        """Returns the classes' names such that the positive one is the last.

        Raises:
          UserError: there is no such class, or there are more than two.
        """
        if positive is None:
            return names
        if len(names) != 2:
            raise UserError(
                f"config.data.positive_class={positive!r} is for two classes,"
                f" and there are {len(names)}; leave it out"
            )
        if positive not in names:
            raise UserError(
                f"config.data.positive_class={positive!r} is none of the"
                f" classes, {' and '.join(names)}; name one of them"
            )
        return (*(name for name in names if name != positive), positive)

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

    def as_asked(self, config: Config, y: np.ndarray) -> Self:
        counts = np.bincount(y, minlength=len(self.labels))
        chosen, weights = config.data.class_weight, self.class_weights
        if chosen:
            weights = class_weights.settle(chosen, self.labels, counts)
        problem = dataclasses.replace(
            self,
            class_weights=weights,
            focal_gamma=config.focal_gamma,
            label_smoothing=config.label_smoothing,
        )
        is_skewed = counts.max() > SKEWED_SHARE * len(y)
        return problem.skewed(counts) if is_skewed else problem

    def told(self) -> list[str]:
        words = []
        if self.headline:
            words.append(f"score: {self.headline}, since classes are skewed")
        if self.class_weights:
            pairs = zip(self.labels[:8], self.class_weights, strict=False)
            shown = ", ".join(f"{name} {weight:.4g}" for name, weight in pairs)
            words.append(f"class weights: {shown}")
        return words

    def skewed(self, counts: np.ndarray) -> Self:
        """Returns the problem with a headline that guessing does not win.

        Args:
          counts: training rows of each class, int [classes].
        """
        raise NotImplementedError

    def say_score(self, values: Mapping[str, float]) -> str:
        if self.score != "accuracy":
            return super().say_score(values)
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
