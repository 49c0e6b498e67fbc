"""What a score is worth: guessing and a linear model on the same rows.

NumPy alone. A network that does not beat the answer that looks at no row has
learnt nothing, however high its score.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from trainer.problem import bootstrap
from trainer.problem import linear
from trainer.problem.problem import Problem
from trainer.process import columns
from trainer.sources import Dataset
from trainer.sources import Split

# A linear model is left out where its rows' features, or what they are
# multiplied by, are more: it takes a second at most.
MOST_FEATURES = 10_000_000
MOST_PRODUCTS = 20_000_000
NAMES = {"guess": "guessing", "linear": "a linear model"}


def compare(
    problem: Problem,
    dataset: Dataset,
    split: Split,
    outputs: np.ndarray,
    *,
    normalized: Callable[[np.ndarray], np.ndarray],
) -> dict[str, Any] | None:
    """Holds a network's score against guessing and a linear model.

    Args:
      problem: the run's, with the center of its targets.
      dataset: whose "train" both are fitted on; labels as `Problem.convert`
        left them.
      split: the rows that are scored.
      outputs: of the network on them, float32 [rows, outputs], in the target's
        own units.
      normalized: from stored rows [rows, *shape] to what the network is given,
        float64 [rows, features].

    Returns:
      "metric", "rows", "network": its score, and "guess" and "linear", each
      {"score", "difference": how much better the network is, "interval": of
      that at 95 %, or None}, or {"left_out": why}. None where these rows have
      no such score.
    """
    truth, train = split.labels(), dataset.splits["train"]
    if not problem.has_score(truth):
        return None
    guess = np.broadcast_to(
        problem.guess(train.labels()), (len(truth), problem.outputs)
    )
    found: dict[str, np.ndarray | str] = {
        "guess": guess,
        "linear": too_large(problem, train, split)
        or linear_outputs(
            problem,
            normalized(_rows(train)),
            train.labels(),
            normalized(_rows(split)),
        ),
    }
    told = {k: v for k, v in found.items() if not isinstance(v, str)}
    scores = bootstrap.scores_of(problem, truth, {"network": outputs, **told})
    own = scores["network"]
    result: dict[str, Any] = {
        "metric": problem.score,
        "rows": len(truth),
        "network": float(own[0]),
    }
    for name, value in found.items():
        if isinstance(value, str):
            result[name] = {"left_out": value}
            continue
        gaps = own - scores[name]
        result[name] = {
            "score": float(scores[name][0]),
            "difference": float(gaps[0]),
            "interval": bootstrap.interval(gaps[1:]),
        }
    return result


def beats_guessing(found: dict[str, Any]) -> bool:
    """Whether the interval of what `compare` returned lies above 0.

    Where there is none, for there are many rows, the difference decides.
    """
    guess = found["guess"]
    return (guess["interval"] or [guess["difference"]])[0] > 0


def lines(found: dict[str, Any]) -> list[str]:
    """Says in a line each how guessing and the linear model score.

    A last line says where the network does not beat guessing.

    Args:
      found: what `compare` returned.
    """
    told = [
        f"{words}: {_describe(found['metric'], found[name])}"
        for name, words in NAMES.items()
    ]
    words = warning(found)
    return [*told, f"NO BETTER THAN GUESSING: {words}"] if words else told


def _describe(metric: str, told: dict[str, Any]) -> str:
    if "left_out" in told:
        return f"left out, {told['left_out']}"
    gap = columns.number(told["difference"])
    if told["interval"]:
        gap += f" (95 %: {columns.between(told['interval'])})"
    score = columns.number(told["score"])
    return f"{metric} {score}; the network's minus this: {gap}"


def warning(found: dict[str, Any]) -> str:
    """Says that a network does not beat guessing; "" where it does."""
    if beats_guessing(found):
        return ""
    guess, rows = found["guess"], found["rows"]
    told = (
        f"the network's {found['metric']} of {columns.number(found['network'])}"
        f" on {rows:,} rows"
    )
    own = columns.number(guess["score"])
    if guess["difference"] <= 0:
        return f"{told} is no better than guessing, which has {own}"
    return (
        f"{told} is not told apart from guessing, which has {own}: on so few"
        " rows the difference may be chance"
    )


def too_large(problem: Problem, train: Split, split: Split) -> str:
    """Says why no linear model is fitted; "" where one is."""
    width = int(np.prod(train.x.shape[1:]))
    features = (train.examples + split.examples) * width
    products = train.examples * width * problem.outputs
    if features <= MOST_FEATURES and products <= MOST_PRODUCTS:
        return ""
    return f"{features:,} features are too many to fit one in passing"


def linear_outputs(
    problem: Problem, x: np.ndarray, labels: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Fits a linear model by the last layer's own loss, and asks it of rows.

    Args:
      problem: whose last layer and class weights the model has.
      x: normalised rows to fit it on, float64 [rows, features].
      labels: of these.
      others: normalised rows to ask it of, float64 [others, features].

    Returns:
      Its outputs in the target's own units, [others, outputs].
    """
    model = linear.fit(
        x,
        problem.in_loss_units(problem.as_outputs(labels)),
        problem.activation,
        problem.row_weights(labels),
    )
    return np.asarray(problem.in_units(model.predict(others)))


def _rows(split: Split) -> np.ndarray:
    return split.x[slice(None) if split.rows is None else split.rows]
