"""What is drawn of a run, each with words for who cannot see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
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
# So small that its text is read on a telephone.
SIZE = (4.8, 2.7)
# The line of what is perfect.
PERFECT: dict[str, Any] = {"color": "#808080", "dashes": (3, 3)}
# Areas of the points of the fewest and of the most rows, in square points.
POINT_AREAS = (12.0, 160.0)


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
