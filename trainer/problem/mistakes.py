"""What stands behind a final score, row by row: the worst mistakes."""

from collections.abc import Callable
from typing import Any
from typing import Protocol

import numpy as np

from trainer.problem import explanations
from trainer.problem.curves import precision_recall
from trainer.problem.problem import Problem
from trainer.process.plain_text import plain
from trainer.sources import Dataset
from trainer.sources import file_rows
from trainer.sources.dataset import evenly_spaced
from trainer.sources.file_rows import FileRow
from trainer.sources.pixels import to_pixels

# float32 outputs of a split beyond which it is not looked at row by row, and
# what is fitted on it takes some of its rows.
MOST_VALUES = 50_000_000
MOST_MISTAKES = 12
MOST_POINTS = 500
# Of a row's cells as its file has them: how many are kept, and of each.
MOST_CELLS, MOST_CHARACTERS = 50, 100
_PAPER = np.array([255, 255, 255])
_TOWARDS, _BACK = np.array([178, 24, 43]), np.array([0, 114, 178])


class Probe(explanations.Probe, Protocol):
    """A network that is asked of its mistakes, too."""

    def attributions(self, x: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Returns what each feature adds to an output.

        Args:
          x: rows, [rows, *shape].
          place: which output of each row, int64 [rows].

        Returns:
          float32 of x's shape.
        """


def look(
    problem: Problem,
    dataset: Dataset,
    split: str,
    outputs: np.ndarray,
    probe: Probe,
) -> dict[str, Any]:
    """Looks at a split's outputs row by row.

    Args:
      problem: the run's.
      dataset: its labels as `Problem.convert` left them.
      split: its name.
      outputs: float32 [rows, outputs], as `Problem.in_units` returns them.
      probe: the network.

    Returns:
      "split", the parts of `Problem.detail`, "mistakes" (the most wrong rows,
      a "picture" uint8 [height, width, channels] and a "why" of it, or None,
      and of a table's row its "file", "line" and "cells"), and "curves"
      (precision and recall of each label) or "points" (pairs of true and
      predicted value) where the problem has them; of a table "columns", as
      `explanations.explain` returns them.
    """
    truth = dataset.splits[split].labels()
    found: dict[str, Any] = {
        "split": split,
        "rows": len(truth),
        **problem.detail(outputs, truth),
        "mistakes": _mistakes(problem, dataset, split, outputs, probe),
    }
    columns = explanations.explain(problem, dataset, split, probe)
    if columns is not None:
        found["columns"] = columns
    curves = [
        {"label": name, **precision_recall(marks, chances)}
        for name, marks, chances in problem.chances(outputs, truth)
    ]
    if curves:
        found["curves"] = curves
    if not problem.has_labels:
        rows = evenly_spaced(len(truth), MOST_POINTS)
        found["points"] = np.stack(
            [truth[rows, 0], outputs[rows, 0]], axis=1
        ).tolist()
    return found


def _mistakes(
    problem: Problem,
    dataset: Dataset,
    split: str,
    outputs: np.ndarray,
    probe: Probe,
) -> list[dict[str, Any]]:
    """The rows that the network was surest of and wrong, worst first."""
    truth = dataset.splits[split].labels()
    wrong = problem.wrongness(outputs, truth)
    order = np.argsort(-wrong, kind="stable")[:MOST_MISTAKES]
    order = order[wrong[order] > 0]
    in_file = file_rows.find(dataset, split, order.tolist())
    pictures, whys = _pictures(dataset, split, order), {}
    if pictures:
        errors = outputs[order] - problem.as_outputs(truth[order])
        x = _rows(dataset, split, order)
        whys = dict(enumerate(why(problem, x, errors, probe.attributions)))
    return [
        {
            "row": int(row),
            "true": problem.say(truth[row]),
            "predicted": problem.say(answer),
            "how_wrong": float(wrong[row]),
            "picture": pictures.get(place),
            "why": whys.get(place),
            **_place(in_file.get(int(row))),
        }
        for place, (row, answer) in enumerate(
            zip(order, problem.decide(outputs[order]), strict=True)
        )
    ]


def _place(found: FileRow | None) -> dict[str, Any]:
    """Says where a row stands in its file, and what the file has there."""
    if found is None:
        return {}
    return {
        "file": found.file,
        "line": found.line,
        "cells": {
            plain(name): plain(text[:MOST_CHARACTERS])
            for name, text in list(found.cells.items())[:MOST_CELLS]
        },
    }


def _rows(dataset: Dataset, split: str, order: np.ndarray) -> np.ndarray:
    held = dataset.splits[split]
    return np.asarray(held.x[held.places(order)])


def _pictures(
    dataset: Dataset, split: str, order: np.ndarray
) -> dict[int, np.ndarray]:
    """Rows' images as `to_pixels` gives them; none where they are none."""
    if dataset.kind != "image" or dataset.splits[split].x.ndim not in (3, 4):
        return {}
    found = {}
    for place, row in enumerate(_rows(dataset, split, order)):
        (pixels,) = to_pixels(row[None], dataset.largest)
        if pixels.shape[-1] in (1, 3):
            found[place] = pixels
    return found


def why(
    problem: Problem,
    x: np.ndarray,
    errors: np.ndarray,
    attributions: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Draws which pixels led to mistakes.

    Args:
      problem: the run's.
      x: images, [rows, height, width] or with channels last.
      errors: outputs less what they should be, [rows, outputs]. What is
        explained is a class that was answered, and else the output that is
        farthest off.
      attributions: of the network.

    Returns:
      uint8 [rows, height, width, 3]: red where a pixel pushed the output to
      the mistake, blue where it held it back.
    """
    is_answer = problem.has_class and problem.outputs > 1
    place = (errors if is_answer else np.abs(errors)).argmax(axis=1)
    found = attributions(x, place)
    if found.ndim > 3:
        found = found.sum(axis=3)
    ways = np.sign(errors[np.arange(len(x)), place])[:, None, None]
    most = np.abs(found).max(axis=(1, 2), keepdims=True)
    share = (ways * found / np.maximum(most, 1e-12))[..., None]
    colour = np.where(share > 0, _TOWARDS, _BACK)
    pixels = _PAPER + np.abs(share) * (colour - _PAPER)
    return np.round(pixels).astype(np.uint8)
