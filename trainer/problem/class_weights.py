"""What a row of each class counts in the loss: `data.class_weight`."""

import collections

import numpy as np

from trainer.process.exits import UserError

BALANCED = "balanced"
_FORM = "must be 'balanced' or such as 'no=1,yes=5', a weight for each class"


def check_once(chosen: str | None) -> None:
    """Refuses a class that is given two weights.

    Runs of earlier versions took the last, and go on.

    Raises:
      UserError: naming it; or the field names no weights.
    """
    if chosen is None or chosen == BALANCED:
        return
    names = [_pair(chosen, part)[0] for part in chosen.split(",")]
    name, count = collections.Counter(names).most_common(1)[0]
    if count > 1:
        raise UserError(
            f"config.data.class_weight={chosen!r} {_FORM}, and {name!r} has"
            f" {count}; leave one"
        )


def settle(
    chosen: str, labels: tuple[str, ...], counts: np.ndarray
) -> tuple[float, ...]:
    """Returns the weight of each class.

    Args:
      chosen: the config's field. "balanced" weighs classes by rows / (classes *
        rows of the class), as scikit-learn does: their sums are alike, and the
        mean over the training rows is 1.
      labels: the classes' names.
      counts: training rows of each, int [classes].

    Raises:
      UserError: the field names other classes, or no weights.
    """
    if chosen == BALANCED:
        weights = counts.sum() / (len(counts) * np.maximum(counts, 1))
        return tuple(weights.tolist())
    given = dict(_pair(chosen, part) for part in chosen.split(","))
    if set(given) != set(labels):
        odd = sorted(set(given) ^ set(labels))[0]
        raise UserError(
            f"config.data.class_weight={chosen!r} {_FORM}, and"
            f" {odd!r} is not in both; the classes are {', '.join(labels[:8])}"
        )
    return tuple(given[label] for label in labels)


def _pair(chosen: str, part: str) -> tuple[str, float]:
    name, _, text = part.rpartition("=")
    try:
        weight = float(text)
    except ValueError:
        weight = -1.0
    if not name or not 0 <= weight < float("inf"):
        raise UserError(
            f"config.data.class_weight={chosen!r} {_FORM}; {part!r} is none of"
            " 0 or more"
        )
    return name.strip(), weight
