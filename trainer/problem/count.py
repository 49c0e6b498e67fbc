"""How many there are, by Poisson regression: an exponential output."""

from typing import Any

import numpy as np

from trainer.problem.problem import require
from trainer.problem.values import Values


class Count(Values):
    """Whole numbers of 0 and more, trained at a mean of 1."""

    activation = "exponential"
    losses = ("poisson",)
    metrics = ("deviance", "mae", "d2")
    usual_score = "d2"
    lower_is_better = ("loss", "deviance", "mae")
    bounds = "above 0"

    @classmethod
    def check_values(cls, key: str, y: np.ndarray) -> None:
        rule = "targets of problem 'count' are whole numbers of 0 and more"
        require((y >= 0) & (y == np.floor(y)), y, key, rule)

    @classmethod
    def scale(cls, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
        return np.where(mean > 0, mean, 1).astype(np.float32)

    def divergence(self, y: Any, mean: Any, library: Any) -> Any:
        """Returns 2 (y log(y / mean) - (y - mean)), where 0 log 0 is 0.

        The deviance (P. McCullagh & J. Nelder 1989, Generalized Linear Models,
        section 2.3), by log1p: near the mean a logarithm's digits would cancel.
        """
        mean = library.maximum(mean, 1e-20)  # an output that came to 0 is not
        apart = library.maximum((y - mean) / mean, 1e-7 - 1)
        return 2 * (y * library.log1p(apart) - (y - mean))
