"""A trial's run as its workdir tells it: scores on the way, and its end."""

import contextlib
import os
import pathlib
from typing import TYPE_CHECKING

from trainer.launch.sweep.search import Search
from trainer.process import output
from trainer.workdir import lines
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import Workdir

if TYPE_CHECKING:
    import optuna


class Pruning:
    """A trial's scores on its way, as the pruner is told of them.

    Each is told once, in its order, whoever was killed when.
    """

    def __init__(
        self, search: Search, trial: "optuna.trial.FrozenTrial"
    ) -> None:
        self._search, self._number = search, trial.number
        self._told = max(trial.intermediate_values, default=0)
        # What was told last may not have been asked about.
        self._is_hopeless = bool(self._told) and search.is_hopeless(
            trial.number
        )

    def is_due(self, index: int, score: float) -> bool:
        """Takes in a score; returns whether the trial is to end there.

        Args:
          index: of the evaluation or run, from 1.
          score: there.
        """
        if index > self._told and not self._is_hopeless:
            self._search.report(self._number, index, score)
            self._told = index
            self._is_hopeless = self._search.is_hopeless(self._number)
        return self._is_hopeless


def never() -> bool:
    """Whether a run that nobody prunes is to be pruned."""
    return False


def is_done(folder: pathlib.Path) -> bool:
    """Whether a run is done."""
    return status_of(folder) == "done"


def status_of(folder: pathlib.Path) -> str | None:
    """Returns how a run's newest start ended: "done", "stopped", "diverged"."""
    result = Workdir(os.fspath(folder)).read_json(RESULT_FILE) or {}
    return result.get("status")


def outcome_of(
    folder: pathlib.Path, end: str, metric: str
) -> tuple[float | None, str]:
    """Returns a run's score, None where it has none, and how it ended.

    Args:
      folder: of the run.
      end: as `Trainers.train` says it.
      metric: of the validation rows.
    """
    if end != "done":
        return None, end
    score = score_of(folder, metric)
    if score is None:
        return None, f"no {metric} of the validation rows"
    return score, end


def score_of(folder: pathlib.Path, metric: str) -> float | None:
    """Returns a run's final score on its validation rows."""
    result = Workdir(os.fspath(folder)).read_json(RESULT_FILE) or {}
    scores = result.get("evaluation", {}).get("validation", {})
    return scores.get(metric)


def curve_of(folder: pathlib.Path, metric: str) -> list[float]:
    """Returns a run's scores on its validation rows so far."""
    if not (folder / lines.METRICS).exists():
        return []
    found = lines.read(folder, lines.METRICS, is_over=False).values
    told = [line for line in found if line["split"] == "validation"]
    told.sort(key=lambda line: line["step"])
    return [line[metric] for line in told if metric in line]


def last_line(folder: pathlib.Path) -> str:
    """Returns the last line that a run's process printed."""
    with contextlib.suppress(OSError):
        text = output.worker_log(folder, 0).read_text(errors="replace")
        return next(
            (line for line in reversed(text.splitlines()) if line.strip()), ""
        )
    return ""
