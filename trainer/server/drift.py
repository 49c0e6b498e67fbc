"""How far the rows that are asked have moved from the training rows.

They are counted in passing, in the bins of the run's own sketch. Of the newest
ones alone: what moved today would be lost among the rows of a year.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from trainer.finished.trained_run import Layout
from trainer.problem.classes import Classes
from trainer.problem.problem import Problem
from trainer.serving import shifts
from trainer.serving.shifts import Confidence
from trainer.serving.shifts import Shift
from trainer.sources.dataset import evenly_spaced
from trainer.sources.sketch import Sketch

# Rows that are counted together, as many as are held until then: to count them
# one by one would take longer than to answer.
BLOCK_ROWS, BLOCK_BYTES = 256, 2**20
# From one such count to the next: where thousands of rows a second are asked,
# some tell as much as all.
REST_SECS = 0.25
# Counts are those of the newest rows, of so many to twice as many.
WINDOW_ROWS = 10_000
# Between two times that it is told unasked.
TELL_SECS = 10.0


class Found(NamedTuple):
    """What became of a model's rows.

    Attributes:
      rows: that were counted.
      shifts: of each column; [] where no row was counted.
      confidence: in the answers; None of what has no classes, or no row.
    """

    rows: int
    shifts: list[Shift]
    confidence: Confidence | None


class Drift:
    """Counts the rows and the answers of one model."""

    def __init__(
        self,
        before: Sketch,
        layout: Layout,
        problem: Problem,
        calibration: list[dict[str, float]],
        tell: Callable[[Found], None],
    ) -> None:
        """Has counted nothing yet.

        Args:
          before: of the training rows.
          layout: of rows.
          problem: what the outputs mean.
          calibration: the bins of the test rows' answers; [] for none.
          tell: is told what was found.
        """
        self._before, self._problem, self._tell = before, problem, tell
        self._calibration = calibration
        row_bytes = layout.features * layout.dtype.itemsize
        most = max(1, min(BLOCK_ROWS, BLOCK_BYTES // row_bytes))
        self._rows = np.empty((most, *layout.shape), layout.dtype)
        self._outputs = np.empty((most, problem.outputs), np.float32)
        self._held = 0
        # Of the window that is filled, and of the one before.
        self._counts = [before.empty(), before.empty()]
        self._sure = [0.0, 0.0]
        self._told_at = time.monotonic()
        self._rests_until = 0.0

    def look(self, rows: np.ndarray, outputs: np.ndarray) -> None:
        """Takes note of a request's rows and their outputs.

        Of one with many rows it is some, evenly spaced; of many requests at
        once, those that find room.
        """
        most = len(self._rows)
        if len(rows) > most:
            places = evenly_spaced(len(rows), most)
            rows, outputs = rows[places], outputs[places]
        if self._held + len(rows) > most:
            now = time.monotonic()
            if now < self._rests_until:
                return
            self._rests_until = now + REST_SECS
            self._count()
            if now - self._told_at > TELL_SECS:
                self.tell()
        stop = self._held + len(rows)
        self._rows[self._held : stop] = rows
        self._outputs[self._held : stop] = outputs
        self._held = stop

    def tell(self) -> None:
        """Tells what was found of all rows so far."""
        self._count()
        self._told_at = time.monotonic()
        now = self._counts[0].joined(self._counts[1])
        found = shifts.compare(self._before, now)
        sure = None
        if now.rows and self._calibration:
            mean = sum(self._sure) / now.rows
            sure = shifts.confidence(self._calibration, mean)
        self._tell(Found(now.rows, found, sure))

    def _count(self) -> None:
        """Counts the rows that are held."""
        if not self._held:
            return
        if self._counts[0].rows >= WINDOW_ROWS:
            self._counts = [self._before.empty(), self._counts[0]]
            self._sure = [0.0, self._sure[0]]
        self._counts[0].look(self._rows[: self._held])
        if isinstance(self._problem, Classes):
            sure = self._problem.confidence(self._outputs[: self._held])
            self._sure[0] += float(sure.sum())
        self._held = 0
