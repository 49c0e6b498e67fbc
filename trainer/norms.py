"""How large a step's gradient and update are against the weights."""

import numpy as np

HISTOGRAM_PARTS = ("gradient", "weights")


def norms(parts: dict[str, dict[str, np.ndarray]]) -> dict[str, float]:
    """Returns Euclidean norms by tag, of all variables and of each.

    Args:
      parts: "gradient", "weights" and "update", each {variable: float32 array}.

    Returns:
      "norms/gradient", "norms/weights" and "norms/update_ratio", the norm of
      the update divided by that of the weights it is added to; and the same of
      each variable, "norms/gradient/VARIABLE".
    """
    squares = {
        part: {
            name: float(np.square(a, dtype=np.float64).sum())
            for name, a in arrays.items()
        }
        for part, arrays in parts.items()
    }
    found = {}
    for end, names in {
        "": list(parts["weights"]),
        **{f"/{name}": [name] for name in parts["weights"]},
    }.items():
        gradient, weights, update = (
            sum(squares[part][name] for name in names) ** 0.5
            for part in ("gradient", "weights", "update")
        )
        found[f"norms/gradient{end}"] = gradient
        found[f"norms/weights{end}"] = weights
        if weights:  # a bias begins at 0
            found[f"norms/update_ratio{end}"] = update / weights
    return found
