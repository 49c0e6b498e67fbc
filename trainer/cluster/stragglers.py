"""Names workers that are slow: all others wait for them at every step."""

import statistics

import numpy as np

from trainer.cluster.place import Cluster

# A worker is a straggler whose own work takes so many times that of the
# median of the others, over a window of at least so long.
RATIO = 2.0
WINDOW_SECS = 5.0


class Stragglers:
    """Compares what each worker spends on its own part of the steps."""

    def __init__(self, place: Cluster) -> None:
        """Begins a first window.

        Args:
          place: that knows the workers' names.
        """
        self._place = place
        self._secs = np.zeros(len(place.addresses))
        self._steps = 0
        self._told: set[int] = set()

    def account(self, own_secs: np.ndarray, steps: int) -> list[str]:
        """Takes in a chunk.

        Args:
          own_secs: float [workers], what each spent on its own work in it,
            waiting for the others left out.
          steps: of the chunk.

        Returns:
          A line for each worker that has become a straggler.
        """
        self._secs += own_secs
        self._steps += steps
        if not self._secs.size or self._secs.max() < WINDOW_SECS:
            return []
        msecs = 1e3 * self._secs / self._steps
        self._secs[:], self._steps = 0, 0
        lines = []
        for index in range(len(msecs)):
            others = statistics.median(np.delete(msecs, index).tolist())
            if msecs[index] < RATIO * others:
                self._told.discard(index)
            elif index not in self._told:
                self._told.add(index)
                lines.append(
                    f"{self._place.name_of(index)} is a straggler:"
                    f" {msecs[index]:.1f} ms of its own"
                    f" work a step, the median of the others {others:.1f} ms"
                )
        return lines
