"""A linear model by the problem's own loss, to hold a network against.

NumPy alone: scikit-learn's import would cost more than most fits.
"""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

# As scikit-learn's LogisticRegression and Ridge have it by default: half the
# sum of the kernel's squares beside the sum of the rows' losses.
PENALTY = 1.0
MOST_ITERATIONS = 100
# Of the gradient, as a share of the rows, at which the fit ends.
LEAST_GRADIENT = 1e-4
_MEMORY = 10
_HALVINGS = 30

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


class _Link(NamedTuple):
    """A last layer as a generalised linear model with its canonical link.

    P. McCullagh & J. Nelder 1989, Generalized Linear Models, section 2.2: the
    loss of y is potential(z) - y z, and its gradient mean(z) - y.

    Attributes:
      mean: from z [rows, outputs] to the outputs.
      potential: from z to the sum of its rows' potentials, weights [rows, 1].
    """

    mean: Callable[[np.ndarray], np.ndarray]
    potential: Callable[[np.ndarray, np.ndarray], float]


def _softmax(z: np.ndarray) -> np.ndarray:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _log_sum(z: np.ndarray) -> np.ndarray:
    most = z.max(axis=1, keepdims=True)
    return most + np.log(np.exp(z - most).sum(axis=1, keepdims=True))


_LINKS = {
    "linear": _Link(lambda z: z, lambda z, w: float((w * z**2).sum()) / 2),
    "sigmoid": _Link(
        lambda z: (1 + np.tanh(z / 2)) / 2,
        lambda z, w: float((w * np.logaddexp(0, z)).sum()),
    ),
    "softmax": _Link(_softmax, lambda z, w: float((w * _log_sum(z)).sum())),
    # Beyond this a step of the search is refused, not a number.
    "exponential": _Link(
        lambda z: np.exp(np.minimum(z, 100)),
        lambda z, w: float((w * np.exp(np.minimum(z, 100))).sum()),
    ),
}


class Linear(NamedTuple):
    """What was fitted.

    Attributes:
      kernel: float64 [features, outputs].
      bias: float64 [outputs].
      activation: of the outputs.
    """

    kernel: np.ndarray
    bias: np.ndarray
    activation: str

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Returns float64 [rows, outputs] of normalised x [rows, features]."""
        return _LINKS[self.activation].mean(x @ self.kernel + self.bias)


def fit(
    x: np.ndarray, targets: np.ndarray, activation: str, weights: np.ndarray
) -> Linear:
    """Fits a linear model with a penalty on its kernel.

    Args:
      x: normalised rows, float64 [rows, features].
      targets: that the outputs are to meet in the mean, float64 [rows,
        outputs].
      activation: of the problem's last layer.
      weights: of the rows' losses, float64 [rows].
    """
    link, column = _LINKS[activation], weights[:, None]
    shape = (x.shape[1], targets.shape[1])
    size = shape[0] * shape[1]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        kernel, bias = flat[:size].reshape(shape), flat[size:]
        z = x @ kernel + bias
        off = column * (link.mean(z) - targets)
        value = link.potential(z, column) - float((column * targets * z).sum())
        slope = x.T @ off + PENALTY * kernel
        return (
            value + PENALTY / 2 * float((kernel**2).sum()),
            np.concatenate([slope.ravel(), off.sum(axis=0)]),
        )

    found = minimize(
        objective,
        np.zeros(size + shape[1]),
        least_gradient=LEAST_GRADIENT * len(x),
    )
    return Linear(found[:size].reshape(shape), found[size:], activation)


def minimize(
    objective: Objective, start: np.ndarray, *, least_gradient: float
) -> np.ndarray:
    """Minimises a smooth convex function by L-BFGS.

    J. Nocedal & S. Wright 2006, Numerical Optimization, algorithms 7.4 and
    7.5, with steps that are halved until the value falls enough.

    Args:
      objective: from float64 [n] to its value and gradient.
      start: where to begin.
      least_gradient: the greatest entry of the gradient at which to end.
    """
    at, (value, slope) = start, objective(start)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(MOST_ITERATIONS):
        if np.abs(slope).max() <= least_gradient:
            break
        way = -_inverse_times(pairs, slope)
        if not pairs:
            way /= max(1.0, float(np.linalg.norm(slope)))
        size, fall = 1.0, float(slope @ way)
        for _ in range(_HALVINGS):
            there = at + size * way
            next_value, next_slope = objective(there)
            if next_value <= value + 1e-4 * size * fall:
                break
            size /= 2
        else:
            break
        step, change = there - at, next_slope - slope
        if step @ change > 0:
            pairs = [*pairs, (step, change)][-_MEMORY:]
        at, value, slope = there, next_value, next_slope
    return at


def _inverse_times(
    pairs: list[tuple[np.ndarray, np.ndarray]], slope: np.ndarray
) -> Any:
    """Returns the gradient times what pairs tell of the inverse Hessian."""
    left, shares = slope.copy(), []
    for step, change in reversed(pairs):
        share = (step @ left) / (step @ change)
        left -= share * change
        shares.append(share)
    if pairs:
        step, change = pairs[-1]
        left *= (step @ change) / (change @ change)
    for (step, change), share in zip(pairs, reversed(shares), strict=True):
        left += (share - (change @ left) / (step @ change)) * step
    return left
