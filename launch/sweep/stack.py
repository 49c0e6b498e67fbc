"""Trials whose networks train side by side, several runs in a process."""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import TypeVar

from trainer import flags
from trainer.config import stacking
from trainer.launch.sweep.following import outcome_of
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.sweep import Sweep
from trainer.process.exits import UserError

if TYPE_CHECKING:
    import optuna

Item = TypeVar("Item")


def check(stack: int, plan: Plan) -> None:
    """Checks that a sweep's runs may train side by side.

    Raises:
      UserError: none of them may.
    """
    if stack == 1:
        return
    given = flags.changed(flags.read(list(plan.words)))
    name = stacking.flag_alone(given)
    because = f"--{name}" if name else stacking.field_alone(plan.config)
    if because is None and plan.study.pruner != "none":
        because = f"the study's pruner={plan.study.pruner!r}"
    if because is not None:
        raise UserError(
            f"--stack={stack}: {because} is for runs that train alone; leave"
            " one of the two out"
        )


def results_of(
    trials: Sequence["optuna.trial.FrozenTrial"],
    stack: int,
    sweep: Sweep,
    slot: int,
) -> list[tuple[float | None, str]]:
    """Runs all runs of some trials.

    Args:
      trials: that are run.
      stack: runs in a process at most.
      sweep: whose trials they are.
      slot: where.

    Returns:
      Each trial's score, None where it has none, and how it ended.
    """
    runs = [run for trial in trials for run in sweep.runs_of(trial)]
    ends = [
        end
        for some in parted(runs, stack)
        for end in sweep.trainers.train_stacked(slot, some)
    ]
    several = len(sweep.plan.members)
    return [
        _mean([folder for _, folder in own], own_ends, sweep.plan.metric)
        for own, own_ends in zip(
            parted(runs, several), parted(ends, several), strict=True
        )
    ]


def _mean(
    folders: Sequence[pathlib.Path], ends: Sequence[str], metric: str
) -> tuple[float | None, str]:
    """Returns the mean score of a trial's runs, and how it ended."""
    scores = []
    for folder, end in zip(folders, ends, strict=True):
        score, end = outcome_of(folder, end, metric)
        if score is None:
            return None, end
        scores.append(score)
    return sum(scores) / len(scores), "done"


def parted(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Parts items into stretches of a size, the last of what is left."""
    return [items[i : i + size] for i in range(0, len(items), size)]
