"""What stands behind a score, as TensorBoard shows it at each evaluation."""

import dataclasses
import importlib.util
import itertools
from typing import Any

import numpy as np

from trainer.problem.curves import threshold_counts
from trainer.problem.problem import Problem

# A chart for each of more classes would hide the others.
MOST_CLASSES = 20


@dataclasses.dataclass
class Diagnostics:
    """What is shown beside a split's metrics, by tag.

    Attributes:
      scalars: precision and recall of each class, and the like.
      curves: int64 [4, thresholds], as `EventFiles.precision_recall` takes it.
      pictures: (uint8 [images, height, width, channels], what they show).
      texts: Markdown.
      matrix: counts of confusions, int64 [classes, classes], or None.
    """

    scalars: dict[str, float] = dataclasses.field(default_factory=dict)
    curves: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    pictures: dict[str, tuple[np.ndarray, str]] = dataclasses.field(
        default_factory=dict
    )
    texts: dict[str, str] = dataclasses.field(default_factory=dict)
    matrix: np.ndarray | None = None


def has_charts() -> bool:
    """Whether the extra "report" is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def numbers(
    problem: Problem, outputs: np.ndarray, truth: np.ndarray
) -> Diagnostics:
    """Returns what is cheap enough for each evaluation.

    Args:
      problem: the run's.
      outputs: float32 [rows, outputs]: probabilities, or values in the
        target's own units.
      truth: labels as `Problem.convert` left them.
    """
    found = problem.detail(outputs, truth)
    diagnostics = Diagnostics()
    for row in found.get("per_class", [])[:MOST_CLASSES]:
        for name in ("precision", "recall"):
            diagnostics.scalars[f"{name}/{row['class']}"] = row[name]
    if "calibration" in found:
        diagnostics.scalars["calibration_error"] = found["calibration"]["ece"]
    if "confusion" in found and "matrix" in found["confusion"]:
        diagnostics.matrix = np.array(found["confusion"]["matrix"])
        diagnostics.texts["confusion_counts"] = _as_table(
            problem.labels, diagnostics.matrix
        )
    shown = itertools.islice(problem.chances(outputs, truth), MOST_CLASSES)
    for name, marks, chances in shown:
        tag = f"precision_recall/{name}"
        diagnostics.curves[tag] = threshold_counts(marks, chances)
    return diagnostics


def _as_table(labels: tuple[str, ...], matrix: np.ndarray) -> str:
    if len(matrix) > MOST_CLASSES:
        return "more classes than fit; see the picture, and report.html"
    names = [name.replace("|", " ") for name in labels]
    rows = [
        " | ".join([name, *map(str, counts)])
        for name, counts in zip(names, matrix.tolist(), strict=True)
    ]
    head = ["true \\ predicted | " + " | ".join(names)]
    rule = [" | ".join(["---"] * (len(names) + 1))]
    return "\n".join(f"| {row} |" for row in head + rule + rows)


def drawings(found: dict[str, Any]) -> Diagnostics:
    """Returns what takes longer to draw: for the run's end.

    Charts are left out where the extra "report" is not installed.

    Args:
      found: of `mistakes.look`.
    """
    diagnostics = Diagnostics()
    shown = [m for m in found["mistakes"] if m["picture"] is not None]
    if shown:
        told = "; ".join(
            f"row {m['row']}: {m['true']}, taken for {m['predicted']}"
            f" ({m['how_wrong']:.3g})"
            for m in shown
        )
        pictures = np.stack([m["picture"] for m in shown])
        diagnostics.pictures["most_wrong"] = (pictures, told)
    if has_charts():
        diagnostics.pictures |= _charts(found)
    return diagnostics


def _charts(found: dict[str, Any]) -> dict[str, tuple[np.ndarray, str]]:
    """Draws what `strata report` draws, too."""
    from trainer.charts.drawings import calibration
    from trainer.charts.drawings import points
    from trainer.charts.explanations import importance
    from trainer.charts.rendering import pixels_of

    drawn = {}
    if "calibration" in found:
        bins, error = (found["calibration"][k] for k in ("bins", "ece"))
        drawn["calibration"] = (
            pixels_of(calibration(bins, error))[None],
            f"Expected calibration error {error:.4f}; the grey line is"
            " perfect.",
        )
    if "points" in found:
        drawn["predicted_by_true"] = (
            pixels_of(points(found["points"]))[None],
            f"{len(found['points'])} rows; the grey line is perfect.",
        )
    columns = found.get("columns", {})
    if "importance" in columns:
        metric = columns["metric"]
        drawn["importance"] = (
            pixels_of(importance(metric, columns["importance"]))[None],
            f"How far {metric} falls when a column is shuffled among"
            f" {columns['rows']:,} rows, and tells nothing.",
        )
    return drawn
