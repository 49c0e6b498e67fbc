"""A sweep at work: its plan, its trials, and what runs them."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainer.launch.sweep.plan import Member
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.search import Search
from trainer.launch.sweep.trainers import Trainers

if TYPE_CHECKING:
    import optuna


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep at work.

    Attributes:
      plan: what is run.
      search: the trials.
      workdir: that all of it stands in.
      trainers: that run the trials.
    """

    plan: Plan
    search: Search
    workdir: pathlib.Path
    trainers: Trainers

    def folder(self, number: int, member: Member) -> pathlib.Path:
        """Returns the workdir of a run."""
        return self.workdir / self.plan.folder(number, member)

    def runs_of(
        self, trial: "optuna.trial.FrozenTrial"
    ) -> Iterator[tuple[list[str], pathlib.Path]]:
        """Yields the words and the workdir of each of a trial's runs."""
        values = self.search.values_of(trial)
        for member in self.plan.members:
            folder = self.folder(trial.number, member)
            yield self.plan.run_words(values, member, os.fspath(folder)), folder
