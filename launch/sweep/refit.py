"""The winner's config, trained again on all rows but the test's.

There are no validation rows then to tell when to stop: it is trained for as
many rows' worth of steps as did best before, and more by the share of rows that
come in.
"""

import os
import pathlib

from trainer.finished import stored_run
from trainer.launch.sweep.following import is_done
from trainer.launch.sweep.plan import Member
from trainer.launch.sweep.ranges import Value
from trainer.launch.sweep.stored import Outcome
from trainer.launch.sweep.sweep import Sweep
from trainer.process.exits import ClusterError

FOLDER = "refit"
# What is chosen or fitted by validation rows, and is no more; the length, too.
WITHOUT: dict[str, Value] = {
    "epochs": None,
    "data.validation_fraction": 0.0,
    "data.folds": None,
    "data.fold": 0,
    "evaluation.select_by": None,
    "evaluation.patience": None,
    "evaluation.threshold_by": "none",
    "evaluation.temperature_scaling": False,
    "evaluation.test_at_end": True,
}


def refit(sweep: Sweep, outcome: Outcome) -> dict[str, float]:
    """Trains the winner's config on all rows but the test's.

    Args:
      sweep: whose winner it is; the run's workdir is in its own.
      outcome: of the sweep.

    Returns:
      The test scores of that run.

    Raises:
      ClusterError: it did not come to its end.
      Stopped: it was told to stop, and goes on another time.
    """
    folder = folder_of(outcome, sweep.workdir)
    if not is_done(folder):
        members = [sweep.workdir / name for name in outcome["members"]]
        steps = length_of(members, sweep.plan.whole["train"])
        fields = {**outcome["fields"], **WITHOUT, "steps": steps}
        words = sweep.plan.run_words(fields, Member(), os.fspath(folder))
        code = sweep.trainers.run(["trainer.task", *words], folder)
        if not is_done(folder):
            raise ClusterError(
                f"the winner could not be trained on all rows (exit code"
                f" {code}); see {folder / 'logs'}, and start again"
            )
    return stored_run.read(folder).result["evaluation"]["test"]


def folder_of(outcome: Outcome, workdir: pathlib.Path) -> pathlib.Path:
    """Names the run's folder in a sweep's."""
    return workdir / FOLDER / f"{outcome['trial']:04d}"


def length_of(folders: list[pathlib.Path], rows: int) -> int:
    """Returns the steps on all rows, by those that did best on a part of them.

    Args:
      folders: of the runs; their mean counts.
      rows: how many all are.
    """
    steps = []
    for folder in folders:
        run = stored_run.read(folder)
        best = run.result.get("best_step") or run.result["step"]
        steps.append(best * rows / run.record["data"]["examples"]["train"])
    return max(1, round(sum(steps) / len(steps)))
