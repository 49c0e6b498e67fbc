"""Where a process's wall time goes."""

import contextlib
import time
from collections.abc import Iterator

from trainer import record


class Clock:
    """Adds up wall time by category, from the first training call on.

    Attributes:
      setup_secs: from the start of the process to the making of this clock.
      secs: seconds by category.
      epoch_secs: seconds of each epoch's training, input wait included.
    """

    def __init__(self) -> None:
        self.setup_secs = record.process_age_secs()
        self._began = time.perf_counter()
        self._epoch_began = 0.0
        self.secs: dict[str, float] = {}
        self.epoch_secs: list[float] = []

    @contextlib.contextmanager
    def count(self, category: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.secs[category] = self.secs.get(category, 0.0) + spent

    def of(self, *categories: str) -> float:
        return sum(self.secs.get(category, 0.0) for category in categories)

    @property
    def train_secs(self) -> float:
        """Seconds from the first training call on, scoring and saving aside."""
        wall = time.perf_counter() - self._began
        return wall - self.of("evaluate", "checkpoint")

    def end_epoch(self) -> None:
        now = self.train_secs
        self.epoch_secs.append(now - self._epoch_began)
        self._epoch_began = now

    def goodput(self, before: dict[str, float]) -> dict[str, float]:
        """Returns seconds by category, those of earlier starts added.

        Args:
          before: what this returned in the start before; {} for none.
        """
        wall = time.perf_counter() - self._began
        now = {
            "setup": self.setup_secs,
            **self.secs,
            "other": wall - sum(self.secs.values()),
        }
        names = before.keys() | now.keys()
        return {n: before.get(n, 0.0) + now.get(n, 0.0) for n in sorted(names)}
