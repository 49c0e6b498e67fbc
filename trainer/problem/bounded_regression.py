"""Values from 0 to 1, by a sigmoid."""

import numpy as np

from trainer.problem.problem import require
from trainer.problem.regression import Regression
from trainer.problem.values import Values


class BoundedRegression(Regression):
    """Values in [0, 1], such as shares, which outputs never leave."""

    activation = "sigmoid"
    losses = ("mse", "binary_crossentropy")
    bounds = "in [0, 1]"
    shift = Values.shift
    scale = Values.scale

    @classmethod
    def check_values(cls, key: str, y: np.ndarray) -> None:
        rule = "targets of problem 'bounded_regression' lie in [0, 1]"
        require((y >= 0) & (y <= 1), y, key, rule)
