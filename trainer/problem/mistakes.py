"""What stands behind a final score, row by row: the worst mistakes."""

from typing import Any

import numpy as np

from trainer.problem.curves import precision_recall
from trainer.problem.problem import Problem
from trainer.process.plain_text import plain
from trainer.sources import Dataset
from trainer.sources import file_rows
from trainer.sources.dataset import evenly_spaced
from trainer.sources.file_rows import FileRow
from trainer.sources.pixels import to_pixels

# float32 outputs of a split beyond which it is not looked at row by row.
MOST_VALUES = 50_000_000
MOST_MISTAKES = 12
MOST_POINTS = 500
# Of a row's cells as its file has them: how many are kept, and of each.
MOST_CELLS, MOST_CHARACTERS = 50, 100


def look(
    problem: Problem, dataset: Dataset, split: str, outputs: np.ndarray
) -> dict[str, Any]:
    """Looks at a split's outputs row by row.

    Args:
      problem: the run's.
      dataset: its labels as `Problem.convert` left them.
      split: its name.
      outputs: float32 [rows, outputs], as `Problem.in_units` returns them.

    Returns:
      "split", the parts of `Problem.detail`, "mistakes" (the most wrong rows,
      a "picture" uint8 [height, width, channels] or None, and of a table's row
      its "file", "line" and "cells"), and "curves"
      (precision and recall of each label) or "points" (pairs of true and
      predicted value) where the problem has them.
    """
    truth = dataset.splits[split].labels()
    found: dict[str, Any] = {
        "split": split,
        "rows": len(truth),
        **problem.detail(outputs, truth),
        "mistakes": _mistakes(problem, dataset, split, outputs),
    }
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
    problem: Problem, dataset: Dataset, split: str, outputs: np.ndarray
) -> list[dict[str, Any]]:
    """The rows that the network was surest of and wrong, worst first."""
    truth = dataset.splits[split].labels()
    wrong = problem.wrongness(outputs, truth)
    order = np.argsort(-wrong, kind="stable")[:MOST_MISTAKES]
    in_file = file_rows.find(dataset, split, order.tolist())
    return [
        {
            "row": int(row),
            "true": problem.say(truth[row]),
            "predicted": problem.say(answer),
            "how_wrong": float(wrong[row]),
            "picture": _picture(dataset, split, int(row)),
            **_place(in_file.get(int(row))),
        }
        for row, answer in zip(
            order, problem.decide(outputs[order]), strict=True
        )
        if wrong[row] > 0
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


def _picture(dataset: Dataset, split: str, row: int) -> np.ndarray | None:
    """A row's image as `to_pixels` gives it; None where it is none."""
    rows = dataset.splits[split]
    if dataset.kind != "image" or rows.x.ndim < 3:
        return None
    place = row if rows.rows is None else rows.rows[row]
    (pixels,) = to_pixels(rows.x[place][None], dataset.largest)
    return pixels if pixels.shape[-1] in (1, 3) else None
