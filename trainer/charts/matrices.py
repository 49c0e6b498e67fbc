"""What is drawn of confusions: the classes told by those that are true."""

from collections.abc import Sequence
from unicodedata import east_asian_width

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from trainer.charts.drawings import blank
from trainer.charts.drawings import COLOURS
from trainer.charts.drawings import Drawing
from trainer.charts.drawings import INK
from trainer.charts.drawings import shown_name

# Of a mistake: as dark as the blue of what is right, so that white is read on
# both.
WRONG, LEAST_SHADE = "#c8213a", 0.4
# Classes of a matrix beyond which names and counts would not be read.
MOST_NAMED = 30
# Columns of text that a name may take; its end is left out beyond them.
MOST_WIDTH = 32


def matrix(labels: Sequence[str], counts: np.ndarray) -> Drawing:
    """Draws a confusion matrix, int64 [classes, classes], true class down."""
    drawing = frame(labels)
    cells(drawing.figure.axes[0], counts)
    return drawing._replace(
        words=f"Confusion matrix: {counts.trace():,} of {counts.sum():,} rows"
        " on the diagonal"
    )


def frame(labels: Sequence[str]) -> Drawing:
    """Draws a confusion matrix without its cells."""
    classes = len(labels)
    few = classes <= MOST_NAMED
    places = range(classes) if few else []
    names = [_cut(shown_name(label)) for label in labels] if few else []
    widest = max(map(_width, names), default=0)
    side = min(7.5, max(3.4, 1.4 + 0.32 * classes, 1.9 + 0.1 * widest))
    with blank((side, side)) as (figure, axes):
        axes.grid(visible=False)
        # Each name ends at its own column.
        axes.set_xticks(
            places, names, rotation=45, ha="right", rotation_mode="anchor"
        )
        axes.set_yticks(places, names)
        axes.set(xlabel="predicted", ylabel="true", aspect="equal")
        axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5))
        edges = np.arange(1, classes if few else 1) - 0.5
        axes.set_xticks(edges, minor=True)
        axes.set_yticks(edges, minor=True)
        axes.grid(which="minor")
        axes.tick_params(which="minor", length=0)
    return Drawing(figure, "Confusion matrix")


def _width(text: str) -> int:
    """Returns how many columns a text takes; East Asian letters take two."""
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)


def _cut(name: str) -> str:
    """Returns a name that leaves room for the cells."""
    if _width(name) <= MOST_WIDTH:
        return name
    while _width(name) >= MOST_WIDTH:
        name = name[:-1]
    return f"{name}…"


def cells(axes: Axes, counts: np.ndarray) -> list[Artist]:
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
