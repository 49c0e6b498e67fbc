"""Rows of one class each: half of two types."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from trainer.problem import scores
from trainer.problem.problem import Problem
from trainer.problem.problem import require

if TYPE_CHECKING:
    import tensorflow as tf

# A label beyond this is an identifier: each class takes a unit of the output.
MOST_CLASSES = 100_000


class Classes(Problem):
    """One class of several, by its number or its one-hot row."""

    score = "accuracy"
    has_class = True

    @classmethod
    def convert(cls, key: str, y: np.ndarray) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] > 1:
            one_hot = np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1)
            require(one_hot, y, key, "rows of one-hot labels hold a single 1")
            y = y.argmax(axis=1)
        y = y.reshape(-1)
        cls.check_classes(key, y)
        return y.astype(np.int32)

    @classmethod
    def check_classes(cls, key: str, y: np.ndarray) -> None:
        """Checks classes by their numbers, [rows].

        Raises:
          UserError: one that cannot be a class.
        """
        require(
            (y >= 0) & (y == np.floor(y)) & (y < MOST_CLASSES),
            y,
            key,
            f"classes are whole numbers from 0 to at most {MOST_CLASSES - 1}",
        )

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
