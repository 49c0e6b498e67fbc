"""What is drawn of a run, each with words for who cannot see it."""

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from trainer.process.columns import rounded
from trainer.process.plain_text import plain

# Of text and lines, which a page draws in colours of its own: they are a dark
# page's, too. No other colour may be one of these.
INK, FAINT = "#1a1a1a", "#dcdcdc"
# Of the process, and no matter of style.
_NOT_OURS = ("backend", "backend_fallback", "interactive")
STYLE: dict[Any, Any] = {
    # A program that draws for itself may have settings of its own.
    **{
        name: value
        for name, value in matplotlib.rcParamsDefault.items()
        if not name.startswith(_NOT_OURS)
    },
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # as a class's name with $ does
    "svg.hashsalt": "strata",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "figure.facecolor": "none",
    "grid.color": FAINT,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
# Told apart by those who see few colours (Okabe & Ito 2008), and by dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
DASHES = ("-", "--", "-.", ":")
# Of a mistake: as dark as the blue of what is right, so that white is read on
# both.
WRONG, LEAST_SHADE = "#c8213a", 0.4
# So small that its text is read on a telephone.
SIZE = (4.8, 2.7)
# The line of what is perfect.
PERFECT: dict[str, Any] = {"color": "#808080", "dashes": (3, 3)}
# Areas of the points of the fewest and of the most rows, in square points.
POINT_AREAS = (12.0, 160.0)
# Columns in the chart of importance.
MOST_COLUMNS = 20
# Classes of a matrix beyond which names and counts would not be read.
MOST_NAMED = 30


class Drawing(NamedTuple):
    """A figure, and words that say what matters in it."""

    figure: Figure
    words: str


def shown_name(text: str) -> str:
    """Returns a name on one line; Matplotlib leaves out those that begin so."""
    return plain(text) if not text.startswith("_") else f"\u200c{plain(text)}"


@contextmanager
def blank(
    size: tuple[float, float] = SIZE,
) -> Iterator[tuple[Figure, Axes]]:
    """Yields a figure of so many inches and its axes, in our style."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        yield figure, axes
        for axis in (axes.xaxis, axes.yaxis):
            # Names stand where they were put.
            if isinstance(axis.get_major_formatter(), ScalarFormatter):
                axis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def lines(
    title: str,
    curves: dict[str, tuple[list, list]],
    *,
    x: str = "step",
    marks: list[int] | None = None,
    from_zero: bool = False,
) -> Drawing:
    """Draws curves.

    Args:
      title: of the vertical axis.
      curves: {name: (x values, y values)}.
      x: what runs to the right.
      marks: places of restarts.
      from_zero: whether the vertical axis begins at 0.
    """
    with blank() as (figure, axes):
        for number, (name, (steps, values)) in enumerate(curves.items()):
            axes.plot(
                steps,
                values,
                label=shown_name(name),
                color=COLOURS[number % len(COLOURS)],
                linestyle=DASHES[number % len(DASHES)],
                marker="o" if len(steps) < 3 else None,
            )
        for place in marks or []:
            axes.axvline(place, color="#808080", linewidth=0.8, dashes=(2, 2))
        axes.set(xlabel=x, ylabel=title)
        if from_zero:
            axes.set_ylim(bottom=0)
        if len(curves) > 1:
            axes.legend()
    told = "; ".join(
        f"{name} from {rounded(y[0])} to {rounded(y[-1])}"
        for name, (_, y) in curves.items()
        if y
    )
    return Drawing(figure, f"{title} by {x}: {told}")


def matrix(labels: Sequence[str], counts: np.ndarray) -> Drawing:
    """Draws a confusion matrix, int64 [classes, classes], true class down."""
    drawing = matrix_frame(labels)
    matrix_cells(drawing.figure.axes[0], counts)
    return drawing._replace(words=matrix_words(counts))


def matrix_words(counts: np.ndarray) -> str:
    """Says what matters in a confusion matrix."""
    return (
        f"Confusion matrix: {counts.trace():,} of {counts.sum():,} rows on the"
        " diagonal"
    )


def matrix_frame(labels: Sequence[str]) -> Drawing:
    """Draws a confusion matrix without its cells."""
    classes = len(labels)
    side = min(7.5, max(3.4, 1.4 + 0.32 * classes))
    with blank((side, side)) as (figure, axes):
        axes.grid(visible=False)
        few = classes <= MOST_NAMED
        places = range(classes) if few else []
        names = [shown_name(label) for label in labels] if few else []
        axes.set_xticks(places, names, rotation=45)
        axes.set_yticks(places, names)
        axes.set(xlabel="predicted", ylabel="true", aspect="equal")
        axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5))
        edges = np.arange(1, classes if few else 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor")
        axes.tick_params(which="minor", length=0)
    return Drawing(figure, "Confusion matrix")


def matrix_cells(axes: Axes, counts: np.ndarray) -> list[Artist]:
    """Draws the cells of a confusion matrix; returns what was drawn.

    They are shaded by each true class's share: blue what is right; what is
    wrong is red, by the square root of its share, so that few are seen, and the
    worst of it by LEAST_SHADE at least.
    """
    colours = shades(counts)
    drawn: list[Artist] = [axes.imshow(colours)]
    if len(counts) > MOST_NAMED:
        return drawn
    for i, j in np.argwhere(counts):
        drawn.append(
            axes.text(
                j, i, f"{counts[i, j]:,}",
                color="white" if colours[i, j, 3] > 0.5 else INK,
                ha="center", va="center", fontsize=7,
            )
        )  # fmt: skip
    return drawn


def shades(counts: np.ndarray) -> np.ndarray:
    """Returns the cells' colours: opaque for many rows, clear for none.

    Args:
      counts: int64 [classes, classes], true class down and predicted across.

    Returns:
      float64 [classes, classes, 4].
    """
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    right = np.eye(len(counts), dtype=bool)[..., None]
    colours = np.where(right, to_rgb(COLOURS[0]), to_rgb(WRONG))
    wrong = np.sqrt(np.where(right[..., 0], 0, shares))
    most = float(wrong.max(initial=0)) or 1.0
    seen = wrong / most * max(LEAST_SHADE, most)
    opaque = np.where(right, shares[..., None], seen[..., None])
    return np.concatenate([colours, opaque], axis=2)


def points(pairs: list[list[float]]) -> Drawing:
    """Draws predicted against true values."""
    true, found = zip(*pairs, strict=True)
    low, high = min(true + found), max(true + found)
    with blank((4.8, 4.8)) as (figure, axes):
        axes.plot([low, high], [low, high], **PERFECT)
        axes.scatter(true, found, s=12, color=COLOURS[0], alpha=0.6)
        axes.set(xlabel="true", ylabel="predicted")
    return Drawing(
        figure,
        f"{len(pairs)} predicted values against the true ones, from"
        f" {rounded(low)} to {rounded(high)}",
    )


def calibration(bins: list[dict[str, Any]], error: float) -> Drawing:
    """Draws the share of right rows against the probability told.

    A point is as large as its rows are many: few say little.
    """
    rows = np.array([b["rows"] for b in bins], float)
    least, most = POINT_AREAS
    with blank((4.8, 3.6)) as (figure, axes):
        axes.plot([0, 1], [0, 1], **PERFECT)
        axes.scatter(
            [b["mean_probability"] for b in bins],
            [b["right"] for b in bins],
            s=np.maximum(least, most * rows / max(1.0, rows.max(initial=0))),
            color=COLOURS[0],
            alpha=0.8,
            clip_on=False,
        )
        axes.set(xlabel="probability told", ylabel="share right")
        axes.set(xlim=(0, 1), ylim=(0, 1))
    return Drawing(
        figure, f"Calibration: expected calibration error {error:.4f}"
    )


def timeline(attempts: list[tuple[float, float, str]]) -> Drawing:
    """Draws when each start of a run worked.

    Args:
      attempts: (began, ended, how it ended), in seconds since the first.
    """
    height = 0.9 + 0.32 * len(attempts)
    with blank((SIZE[0], height)) as (figure, axes):
        for number, (began, ended, how) in enumerate(attempts):
            axes.barh(number, ended - began, left=began, color=COLOURS[0])
            axes.text(
                ended, number, f" {shown_name(how)}", va="center", fontsize=8
            )
        axes.set_yticks(
            range(len(attempts)),
            [f"start {i + 1}" for i in range(len(attempts))],
        )
        axes.invert_yaxis()
        last = max(ended for _, ended, _ in attempts)
        axes.set(xlabel="seconds", xlim=(0, last * 1.25 or 1))
    told = "; ".join(
        f"start {i + 1} from {a:.0f} to {b:.0f} s, {how}"
        for i, (a, b, how) in enumerate(attempts)
    )
    return Drawing(figure, f"Timeline: {told}")


def bars(title: str, values: dict[str, float]) -> Drawing:
    """Draws a bar for each value, the greatest first."""
    order = sorted(values.items(), key=lambda item: -item[1])
    with blank((SIZE[0], 0.9 + 0.28 * len(order))) as (figure, axes):
        axes.barh(
            [shown_name(name) for name, _ in order],
            [value for _, value in order],
            color=COLOURS[0],
        )
        axes.invert_yaxis()
        axes.set(xlabel=title)
    told = ", ".join(f"{name} {rounded(value)}" for name, value in order)
    return Drawing(figure, f"{title}: {told}")


def importance(metric: str, columns: list[dict[str, Any]]) -> Drawing:
    """Draws what a score loses without each column, with its interval.

    Args:
      metric: the score.
      columns: "column", "drop" and "interval" (or None) of each; the first
        MOST_COLUMNS are drawn, from above.
    """
    shown = columns[:MOST_COLUMNS]
    values = np.array([row["drop"] for row in shown])
    ends = np.array([row["interval"] or [row["drop"]] * 2 for row in shown])
    # An end of the bootstrap may lie beyond the value itself.
    spans = np.maximum(0, [values - ends[:, 0], ends[:, 1] - values])
    places = range(len(shown))
    with blank((SIZE[0], 0.9 + 0.24 * len(shown))) as (figure, axes):
        axes.axvline(0, **PERFECT)
        axes.errorbar(
            values, places, xerr=spans, fmt="o", color=COLOURS[0], capsize=3
        )
        axes.set_yticks(places, [shown_name(row["column"]) for row in shown])
        axes.invert_yaxis()
        axes.set(xlabel=f"{metric} lost without it")
    told = ", ".join(f"{r['column']} {rounded(r['drop'])}" for r in shown)
    return Drawing(figure, f"{metric} lost without a column: {told}")


def dependence(
    name: str, values: list[Any], outputs: dict[str, list[float]], title: str
) -> Drawing:
    """Draws how outputs go with a column.

    Args:
      name: of the column.
      values: its numbers, times or texts, in their order.
      outputs: a value at each of them, by the output's name.
      title: of the outputs.
    """
    is_text = isinstance(values[0], str)
    with blank() as (figure, axes):
        places = range(len(values)) if is_text else values
        for number, (output, means) in enumerate(outputs.items()):
            axes.plot(
                places,
                means,
                label=shown_name(output),
                color=COLOURS[number % len(COLOURS)],
                linestyle="" if is_text else DASHES[number % len(DASHES)],
                marker="o" if is_text or len(values) < 3 else None,
            )
        if is_text:
            names = [shown_name(value) for value in values]
            axes.set_xticks(places, names, rotation=30, ha="right")
        axes.set(xlabel=shown_name(name), ylabel=title)
        if len(outputs) > 1:
            axes.legend()
    told = "; ".join(
        f"{output} from {rounded(min(means))} to {rounded(max(means))}"
        for output, means in outputs.items()
    )
    return Drawing(figure, f"{title} by {name}: {told}")
