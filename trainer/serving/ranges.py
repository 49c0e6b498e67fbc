"""Values far outside of what a run was trained on. NumPy alone."""

import numpy as np

from trainer.finished.trained_run import TrainedRun
from trainer.process import columns

# Columns that are told of, those with the most such values first.
MOST_TOLD = 5


class Ranges:
    """Counts each feature's values that lie far outside its training range.

    Far is more than the range's own width beyond one of its ends: a network
    was never told what holds there.
    """

    def __init__(self, stored: TrainedRun) -> None:
        """Has seen nothing yet.

        Args:
          stored: the run; of images, and of an earlier version's, no ranges
            are known, and nothing is counted.
        """
        ranges = stored.data.get("ranges") or {"least": [], "greatest": []}
        self._least, self._greatest = (
            np.array(ranges[name]) for name in ("least", "greatest")
        )
        encoding = stored.encoding
        self._names = (
            encoding.features
            if encoding is not None
            else [f"column {i}" for i in range(len(self._least))]
        )
        self._counts = np.zeros(len(self._least), np.int64)

    def look(self, rows: np.ndarray) -> None:
        """Looks at rows as they are stored, [rows, *shape]."""
        if not len(self._least):
            return
        # Of an ensemble, the first one's features come first.
        flat = rows.reshape(len(rows), -1)[:, : len(self._least)]
        flat = flat.astype(np.float64)
        width = self._greatest - self._least
        self._counts += (
            (flat < self._least - width) | (flat > self._greatest + width)
        ).sum(axis=0)

    def warnings(self) -> list[str]:
        """Returns a line for each feature with such values."""
        order = np.argsort(-self._counts, kind="stable")
        found = [int(place) for place in order if self._counts[place]]
        lines = [
            f"{self._counts[place]:,} value(s) of {self._names[place]!r} lie"
            " far outside of what the run was trained on,"
            f" {columns.number(float(self._least[place]))} to"
            f" {columns.number(float(self._greatest[place]))}: what is"
            " predicted of them is a guess"
            for place in found[:MOST_TOLD]
        ]
        more = len(found) - MOST_TOLD
        return [*lines, f"so do values of {more} more"] if more > 0 else lines
