"""What stands behind a final score: detail.json, for the report.

NumPy, and TensorFlow for the pictures' PNGs.
"""

import base64
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.problem import scores
from trainer.problem.problems import Problem
from trainer.sources import Dataset
from trainer.sources.dataset import evenly_spaced
from trainer.sources.pixels import to_pixels

# float32 outputs of a split beyond which it is not looked at row by row.
MOST_VALUES = 50_000_000
MOST_MISTAKES = 12
MOST_POINTS = 500
CURVE_POINTS = 101


def look(
    problem: Problem, dataset: Dataset, split: str, outputs: np.ndarray
) -> dict[str, Any]:
    """Looks at a split's outputs row by row.

    Args:
      problem: the run's.
      dataset: its labels as `problems.settle` left them.
      split: its name.
      outputs: float32 [rows, outputs]: probabilities, or values in the
        target's own units.

    Returns:
      "split", the parts of `scores.detail`, "mistakes" (the most wrong rows,
      a "picture" uint8 [height, width, channels] or None), and "curves"
      (precision and recall of each label) or "points" (pairs of true and
      predicted value) where the problem has them.
    """
    truth = dataset.splits[split].labels()
    labels = names_of(problem)
    found: dict[str, Any] = {
        "split": split,
        "rows": len(truth),
        **scores.detail(problem, labels, outputs, truth),
        "mistakes": _mistakes(problem, labels, dataset, split, outputs),
    }
    if problem.type in ("binary", "multilabel"):
        marks = truth.reshape(len(truth), -1)
        names = labels[1:] if problem.type == "binary" else labels
        found["curves"] = [
            {"label": name, **precision_recall(marks[:, i], outputs[:, i])}
            for i, name in enumerate(names)
        ]
    if "regression" in problem.type:
        rows = evenly_spaced(len(truth), MOST_POINTS)
        found["points"] = np.stack(
            [truth[rows, 0], outputs[rows, 0]], axis=1
        ).tolist()
    return found


def names_of(problem: Problem) -> tuple[str, ...]:
    """Names the classes or labels; by their numbers where they have none."""
    count = max(problem.outputs, 2 if problem.type == "binary" else 1)
    return problem.class_names or tuple(map(str, range(count)))


def precision_recall(
    marks: np.ndarray, chances: np.ndarray
) -> dict[str, list[float]]:
    """Returns some points of the precision-recall curve, by falling threshold.

    Args:
      marks: 0 or 1, [rows].
      chances: float32 [rows].
    """
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    hits = np.cumsum(marks[order].astype(np.int64))[last]
    positives = int(marks.sum())
    if not positives:
        return {"precision": [], "recall": []}
    some = evenly_spaced(len(last), CURVE_POINTS)
    return {
        "precision": (hits / (last + 1))[some].tolist(),
        "recall": (hits / positives)[some].tolist(),
    }


def _mistakes(
    problem: Problem,
    labels: tuple[str, ...],
    dataset: Dataset,
    split: str,
    outputs: np.ndarray,
) -> list[dict[str, Any]]:
    """The rows that the network was surest of and wrong, worst first."""
    truth = dataset.splits[split].labels()
    wrong = _wrongness(problem, outputs, truth)
    order = np.argsort(-wrong, kind="stable")[:MOST_MISTAKES]
    return [
        {
            "row": int(row),
            "true": _say(problem, labels, truth[row]),
            "predicted": _say(
                problem, labels, _decision(problem, outputs[row])
            ),
            "how_wrong": float(wrong[row]),
            "picture": _picture(dataset, split, int(row)),
        }
        for row in order
        if wrong[row] > 0
    ]


def _wrongness(
    problem: Problem, outputs: np.ndarray, truth: np.ndarray
) -> np.ndarray:
    """Probability given to what is false, or the error; else 0: [rows]."""
    if problem.type == "multiclass":
        found = outputs.argmax(axis=1)
        return np.where(found == truth, 0.0, outputs.max(axis=1))
    if "regression" in problem.type:
        return np.abs(outputs.astype(np.float64) - truth).max(axis=1)
    gap = np.abs(outputs - truth.reshape(len(truth), -1)).max(axis=1)
    return np.where(gap >= 0.5, gap, 0.0)


def _decision(problem: Problem, output: np.ndarray) -> np.ndarray:
    if problem.type == "multiclass":
        return np.asarray(output.argmax())
    if "regression" in problem.type:
        return output
    marks = (output > 0.5).astype(np.int64)
    return marks[0] if problem.type == "binary" else marks


def _say(problem: Problem, labels: tuple[str, ...], value: np.ndarray) -> str:
    if "regression" in problem.type:
        return ", ".join(f"{v:.4g}" for v in value[:4])
    if problem.type == "multilabel":
        return ", ".join(labels[i] for i in np.flatnonzero(value)) or "none"
    return labels[int(value)]


def _picture(dataset: Dataset, split: str, row: int) -> np.ndarray | None:
    """A row's image as `to_pixels` gives it; None where it is none."""
    rows = dataset.splits[split]
    if dataset.kind != "image" or rows.x.ndim < 3:
        return None
    place = row if rows.rows is None else rows.rows[row]
    (pixels,) = to_pixels(rows.x[place][None], dataset.largest)
    return pixels if pixels.shape[-1] in (1, 3) else None


def to_json(found: dict[str, Any]) -> dict[str, Any]:
    """Returns what `look` found as JSON values; pictures as PNGs in base64."""
    mistakes = [
        {**mistake, "picture": _png(mistake["picture"])}
        for mistake in found["mistakes"]
    ]
    return {**found, "mistakes": mistakes}


def _png(pixels: np.ndarray | None) -> str | None:
    if pixels is None:
        return None
    return base64.b64encode(tf.io.encode_png(pixels).numpy()).decode()
