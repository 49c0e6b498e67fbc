"""Confusion matrices as TensorBoard shows them: some of many, and the last."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from trainer.journal.pictures import has_charts

if TYPE_CHECKING:
    from trainer.charts.rendering import MatrixPixels

WORDS = (
    "True class down, predicted across, with counts of rows. Blue: right, by"
    " the class's share. Red: wrong, by its square root, so that few are seen."
)
Show = Callable[[str, int, np.ndarray], None]


class Matrices:
    """Draws a split's first matrix, the second, the fourth, and so on.

    A drawing takes some 20 ms, and TensorBoard keeps ten of a tag: to draw all
    would cost a small run a tenth of its time. Without the extra "report" none
    is drawn.
    """

    def __init__(self, labels: tuple[str, ...], show: Show) -> None:
        """Draws nothing yet.

        Args:
          labels: a name for each class.
          show: takes split, step and uint8 [height, width, 3].
        """
        self._labels, self._show = labels, show
        self._pixels: MatrixPixels | None = None
        self._seen: dict[str, int] = {}
        self._undrawn: dict[str, tuple[int, np.ndarray]] = {}

    def add(self, split: str, step: int, counts: np.ndarray) -> None:
        """Draws a matrix, int64 [classes, classes], where it is its turn."""
        self._undrawn[split] = step, counts
        seen = self._seen[split] = self._seen.get(split, 0) + 1
        if seen & (seen - 1) == 0:  # a power of two
            self._draw(split)

    def finish(self) -> None:
        """Draws the last of each split that is not drawn yet."""
        for split in list(self._undrawn):
            self._draw(split)

    def _draw(self, split: str) -> None:
        step, counts = self._undrawn.pop(split)
        if not has_charts():
            return
        if self._pixels is None:
            from trainer.charts.rendering import MatrixPixels

            self._pixels = MatrixPixels(self._labels)
        self._show(split, step, self._pixels(counts))
