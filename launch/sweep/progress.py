"""What a sweep says while it goes on: a line a trial, and how it stands."""

import sys
import threading
import time
from typing import TYPE_CHECKING

from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.plan import word_of
from trainer.launch.sweep.ranges import Value
from trainer.launch.sweep.search import END
from trainer.launch.sweep.search import has_ended
from trainer.launch.sweep.search import Search
from trainer.process.columns import number
from trainer.process.plain_text import exact

if TYPE_CHECKING:
    import optuna


def counts_of(trials: "list[optuna.trial.FrozenTrial]") -> dict[str, int]:
    """Counts trials: those that are done, pruned, diverged, failed, running."""
    counts = dict.fromkeys(("done", "pruned", "diverged", "failed"), 0)
    counts["running"] = sum(not has_ended(t) for t in trials)
    for trial in trials:
        if has_ended(trial):
            end = trial.user_attrs.get(END, "failed")
            counts[end if end in counts else "failed"] += 1
    return counts


def fields_told(values: dict[str, Value]) -> str:
    """Returns a trial's fields in short, by the last part of their names."""
    return ", ".join(
        word_of(field, value).removeprefix("--config.").rpartition(".")[2]
        if not isinstance(value, float)
        else f"{field.rpartition('.')[2]}={value:.3g}"
        for field, value in values.items()
    )


class Progress:
    """Tells of trials as they end, and between them where a line can be."""

    def __init__(self, plan: Plan, search: Search, trials: int) -> None:
        """Has told of nothing yet.

        Args:
          plan: of the sweep.
          search: its trials.
          trials: how many there are to be.
        """
        self._plan, self._search, self._trials = plan, search, trials
        self._turn = threading.Lock()
        self._began = time.monotonic()
        self._is_live = sys.stdout.isatty()
        ended = [t.number for t in search.trials() if has_ended(t)]
        self._told = set(ended)
        self._before = len(ended)
        if ended:
            print(f"going on after {self.status()}", flush=True)

    def tell(self) -> None:
        """Prints a line for each trial that has ended, and how all stands."""
        with self._turn:
            for trial in self._search.trials():
                if not has_ended(trial):  # It may have failed before.
                    self._told.discard(trial.number)
                elif trial.number not in self._told:
                    self._told.add(trial.number)
                    self._print(self._line(trial))
            if self._is_live:
                _begin_line()
                print(self.status(), end="", flush=True)

    def close(self) -> None:
        """Leaves the line that is written over."""
        if self._is_live:
            _begin_line()

    def _print(self, line: str) -> None:
        if self._is_live:
            _begin_line()
            print(line, flush=True)
        else:
            print(f"{line}; {self.status()}", flush=True)

    def _line(self, trial: "optuna.trial.FrozenTrial") -> str:
        end = trial.user_attrs.get(END, "failed")
        best = self._search.best()
        told = f"trial {trial.number} {end}"
        if trial.value is not None and end == "done":
            told += f": {self._plan.metric} {number(trial.value)}"
            is_best = best is not None and best.number == trial.number
            told += " (best)" if is_best else ""
        fields = fields_told(self._search.values_of(trial))
        return f"{told}, {fields}" if fields else told

    def status(self) -> str:
        """Returns how all trials stand, in a line."""
        trials = self._search.trials()
        counts = counts_of(trials)
        told = [f"{n} {name}" for name, n in counts.items() if n]
        best = self._search.best()
        words = f"{', '.join(told) or 'none'} of {self._trials}"
        if best is not None and best.value is not None:
            words += f"; best {number(best.value)} (trial {best.number})"
        left = self._left_secs(trials)
        return f"{words}; {listed_secs(left)} left" if left else words

    def _left_secs(
        self, trials: "list[optuna.trial.FrozenTrial]"
    ) -> float | None:
        ended = sum(has_ended(t) for t in trials)
        here = ended - self._before
        if here <= 0 or ended >= self._trials:
            return None
        secs = time.monotonic() - self._began
        return secs / here * (self._trials - ended)


def _begin_line() -> None:
    """Has what is printed next stand in the place of the terminal's line."""
    with exact():
        print("\r\x1b[K", end="", flush=True)


def listed_secs(secs: float) -> str:
    """Returns seconds in words, such as "3 min"."""
    return f"{secs:.0f} s" if secs < 90 else f"{secs / 60:.0f} min"
