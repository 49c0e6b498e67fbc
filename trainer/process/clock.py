"""Where a run's wall time goes, restarts included."""

import contextlib
import time
from collections.abc import Callable
from collections.abc import Iterator

from trainer.process.facts import process_age_secs
from trainer.process.moments import boot_secs

# Not the job's doing, and left out of the share: the user's own pauses.
PAUSED = "paused"
# What runs that train beside this one are doing meanwhile.
BESIDE = "beside"
USEFUL = "train"
# As people are told of the categories.
WORDS = {
    "setup": "set-up",
    "compile": "compiling",
    USEFUL: "training",
    "evaluate": "scoring",
    "checkpoint": "saving",
    "input_wait": "waiting for rows",
    "look": "looking at gradients",
    BESIDE: "scoring and saving other runs",
    "redone": "steps taken again",
    "downtime": "not running",
    PAUSED: "paused",
    "other": "all else",
}
# Below it two clocks that are read one after the other differ by chance.
LEAST_SLEEP_SECS = 0.5


class Since:
    """By how much totals have grown since they were last taken."""

    def __init__(self, totals: dict[str, float] | None = None) -> None:
        """Begins at these totals, or at 0."""
        self._taken = dict(totals or {})

    def take(self, totals: dict[str, float]) -> dict[str, float]:
        """Returns the growth of each total, and begins anew at them."""
        grown = {n: t - self._taken.get(n, 0.0) for n, t in totals.items()}
        self._taken = dict(totals)
        return grown


class Clock:
    """Adds up time by category, from the first training call on.

    Categories: "setup" (process start to first training call), "compile" (the
    first chunk, which is traced and compiled), "train" (all others),
    "input_wait", "evaluate", "checkpoint", "look" (the preview of a step),
    "beside" (runs that train with this one are scored and saved), "other";
    "paused" (the process was stopped, or suspended with its machine, or the
    user had ended it); and of earlier starts "redone" (steps taken that were
    lost) and "downtime" (no process ran). All together are the time by
    CLOCK_BOOTTIME; all but "setup" and "paused" are measured by a clock that
    stands still while the process does.

    Attributes:
      setup_secs: from the start of the job to the making of this clock.
      secs: seconds by category.
      epoch_secs: seconds of each epoch's training, input wait included.
    """

    def __init__(
        self,
        before: dict[str, float],
        awake_secs: Callable[[], float] = time.perf_counter,
        all_secs: Callable[[], float] = boot_secs,
        age_secs: Callable[[], float] = process_age_secs,
    ) -> None:
        """Starts at the first training call.

        Args:
          before: seconds by category of the run until this process began.
          awake_secs: a clock that leaves out what the process slept through.
          all_secs: a clock that does not.
          age_secs: tells how long ago this start of the job began.
        """
        self._awake_secs, self._all_secs = awake_secs, all_secs
        self.setup_secs = age_secs()
        self._before = before
        self._began, self._all_began = awake_secs(), all_secs()
        self._epoch_began = 0.0
        self.secs: dict[str, float] = {}
        self.epoch_secs: list[float] = []

    @contextlib.contextmanager
    def count(self, category: str) -> Iterator[None]:
        start = self._awake_secs()
        try:
            yield
        finally:
            spent = self._awake_secs() - start
            self.secs[category] = self.secs.get(category, 0.0) + spent

    def count_chunk(self) -> contextlib.AbstractContextManager[None]:
        """Counts a chunk of steps, the first one as "compile"."""
        return self.count(USEFUL if "compile" in self.secs else "compile")

    def of(self, *categories: str) -> float:
        return sum(self.secs.get(category, 0.0) for category in categories)

    @property
    def train_secs(self) -> float:
        """Seconds from the first training call on, scoring and saving aside."""
        awake = self._awake_secs() - self._began
        return awake - self.of("evaluate", "checkpoint", BESIDE)

    def end_epoch(self) -> None:
        now = self.train_secs
        self.epoch_secs.append(now - self._epoch_began)
        self._epoch_began = now

    def goodput(self) -> dict[str, float]:
        """Returns seconds by category, those of earlier starts added."""
        awake = self._awake_secs() - self._began
        now = {
            "setup": self.setup_secs,
            **self.secs,
            "other": awake - sum(self.secs.values()),
        }
        slept = self._all_secs() - self._all_began - awake
        if slept > LEAST_SLEEP_SECS:
            now[PAUSED] = slept
        names = sorted(self._before.keys() | now.keys())
        return {n: self._before.get(n, 0.0) + now.get(n, 0.0) for n in names}


def worked(secs: dict[str, float]) -> float:
    """Returns the seconds that a run has worked, of those by category."""
    idle = sum(secs.get(name, 0.0) for name in (PAUSED, "downtime"))
    return sum(secs.values()) - idle


def share(secs: dict[str, float]) -> float:
    """Returns the useful part of the time that the job was wanted, 0 to 1."""
    wanted = sum(secs.values()) - secs.get(PAUSED, 0.0)
    return secs.get(USEFUL, 0.0) / wanted if wanted > 0 else 0.0


def described(secs: dict[str, float]) -> str:
    """Returns words such as "61.3 s, 93.1 % in training"."""
    return f"{sum(secs.values()):.1f} s, {100 * share(secs):.1f} % in training"


def listed(secs: dict[str, float]) -> str:
    """Returns words such as "training 57.1 s, set-up 3.0 s", the most first."""
    parts = sorted(secs.items(), key=lambda part: -part[1])
    return ", ".join(
        f"{WORDS.get(name, name)} {value:.1f} s"
        for name, value in parts
        if value >= 0.05
    )
