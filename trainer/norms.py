"""How large a step's gradient and update are against the weights."""

import numpy as np


def norms(names: list[str], squares: np.ndarray) -> dict[str, float]:
    """Returns Euclidean norms by tag, of all variables and of each.

    Args:
      names: of the variables.
      squares: float [3, variables], the sums of squares of gradients, weights
        and updates.

    Returns:
      "norms/gradient", "norms/weights" and "norms/update_ratio", the norm of
      the update divided by that of the weights it is added to; and the same of
      each variable, "norms/gradient/VARIABLE".
    """
    squares = squares.astype(np.float64)
    ends = {"": squares.sum(axis=1)}
    ends |= {f"/{n}": each for n, each in zip(names, squares.T, strict=True)}
    found = {}
    for end, of_parts in ends.items():
        gradient, weights, update = np.sqrt(of_parts).tolist()
        found[f"norms/gradient{end}"] = gradient
        found[f"norms/weights{end}"] = weights
        if weights:  # a bias begins at 0
            found[f"norms/update_ratio{end}"] = update / weights
    return found
