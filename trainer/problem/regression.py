"""Any value, by a linear output and the squared error."""

import math
from collections.abc import Mapping
from typing import Any
from typing import ClassVar

import numpy as np

from trainer.input.moments import divisor
from trainer.problem.values import Values


class Regression(Values):
    """Values of any size, trained at mean 0 and deviation 1."""

    activation = "linear"
    keras_losses: ClassVar[dict[str, str]] = {"mse": "mean_squared_error"}
    losses: ClassVar[tuple[str, ...]] = ("mse",)
    metrics = ("mse", "mae", "r2", "rmse")
    usual_score = "r2"
    lower_is_better = ("loss", "mse", "mae", "rmse")
    power = 2

    @classmethod
    def shift(cls, mean: np.ndarray) -> np.ndarray:
        return mean.astype(np.float32)

    @classmethod
    def scale(cls, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
        return divisor(mean, std)

    def divergence(self, y: Any, mean: Any, library: Any) -> Any:
        return (y - mean) ** 2

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        found = super().metrics_of(sums, examples)
        return found | {"rmse": math.sqrt(found["mse"])}

    def from_mean(self, totals: list[float], examples: int) -> list[float]:
        return [total**2 / examples for total in totals]
