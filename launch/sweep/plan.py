"""What a sweep is: settled by its command line and the data, before it runs."""

import dataclasses
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer import flags
from trainer import sources
from trainer.config import Config
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.launch.sweep.ranges import Value
from trainer.launch.sweep.rules import check_metric
from trainer.launch.sweep.rules import check_scored
from trainer.launch.sweep.rules import check_space
from trainer.launch.sweep.space import default_space
from trainer.launch.sweep.space import Space
from trainer.launch.sweep.study import Study
from trainer.problem import problems
from trainer.process.exits import UserError
from trainer.sources import Dataset

# Of the training rows, where neither data nor config hold any out.
VALIDATION_FRACTION = 0.2


@dataclasses.dataclass(frozen=True)
class Member:
    """One of the runs that a trial is.

    Attributes:
      name: of its folder; "" where it is the only one.
      fields: of the config, that are its own.
    """

    name: str = ""
    fields: Mapping[str, Value] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """A sweep.

    Attributes:
      words: of the trainer's command line, but those that are a trial's.
      config: that these make.
      data_dir: as given.
      study: the search; its space is {} where there is none.
      metric: of the validation rows, that is searched for.
      is_lower_better: whether less of it is better.
      bounds: the least and the greatest that it can be.
      members: the runs of each trial.
      fingerprint: of the data.
      rows: of the data's splits.
      whole: rows of the splits that the data has before any row is held out for
        validation.
      notes: what was chosen here, a line each.
    """

    words: tuple[str, ...]
    config: Config
    data_dir: str | None
    study: Study
    metric: str
    is_lower_better: bool
    bounds: tuple[float, float]
    members: tuple[Member, ...]
    fingerprint: str
    rows: Mapping[str, int]
    whole: Mapping[str, int]
    notes: tuple[str, ...]

    @property
    def has_own_validation(self) -> bool:
        """Whether the data comes with a validation split."""
        return "validation" in self.whole

    @property
    def space(self) -> Space:
        """The ranges of the search."""
        return self.study.space or {}

    def folder(self, number: int, member: Member) -> pathlib.PurePath:
        """Returns the workdir of a run, within the sweep's."""
        return trial_folder(number) / member.name

    def run_words(
        self, values: Mapping[str, Value], member: Member, workdir: str
    ) -> list[str]:
        """Returns the trainer's command line of one run.

        Args:
          values: of the trial's fields.
          member: which of the trial's runs.
          workdir: of the run.
        """
        fields = {**member.fields, **values}
        own = [word_of(path, value) for path, value in fields.items()]
        # Whatever a scheduler says of tasks: a trial is one process.
        alone = "--cluster=none"
        return [*self.words, *own, f"--workdir={workdir}", alone]

    def to_json(self) -> dict[str, Any]:
        """Returns what must be the same each time it goes on."""
        return {
            "config": flatten(self.config),
            "study": self.study.to_json(),
            "metric": self.metric,
            "members": [
                {"name": m.name, "fields": dict(m.fields)} for m in self.members
            ],
            "fingerprint": self.fingerprint,
        }


def trial_folder(number: int) -> pathlib.PurePath:
    """Returns the folder of a trial, within the sweep's."""
    return pathlib.PurePath("trials") / f"{number:04d}"


def word_of(field: str, value: Value) -> str:
    """Returns the word by which the trainer is told a field's value."""
    told = "none" if value is None else str(value)
    if isinstance(value, tuple):
        told = told.replace(" ", "")
    return f"--config.{field}={told}"


def settle(
    words: list[str],
    study: Study | None,
    *,
    seeds: int | None = None,
    folds: int | None = None,
) -> Plan:
    """Settles a sweep, and checks all of it that needs no run.

    Args:
      words: of the trainer's command line, without --workdir.
      study: the search; None for the config's own values, and nothing else.
      seeds: of each trial; None for the config's own.
      folds: of the training rows, on each of which a trial is scored once; None
        for the config's own validation rows.

    Raises:
      UserError: before anything is written.
    """
    given, config = flags.parse(words)
    if config.evaluation.test_each_time:
        raise UserError(
            "config.evaluation.test_each_time=True: a sweep never tunes on the"
            " test rows, and scores them once, at its end; leave it out"
        )
    own = [word_of("evaluation.test_at_end", False)]
    notes: list[str] = []
    whole = _whole(config, given.data_dir)
    if folds is not None:
        own.append(word_of("data.folds", folds))
    elif not ("validation" in whole.splits or config.data.validation_fraction):
        own.append(word_of("data.validation_fraction", VALIDATION_FRACTION))
        notes.append(
            f"validation: {VALIDATION_FRACTION:g} of the training rows, as"
            " config.data.validation_fraction is 0"
        )
    words = [*words, *own]
    config = flags.parse(words)[1]
    dataset = _load(config, given.data_dir)
    problem, _ = problems.settle(config, dataset.without("test"))
    rows = _rows(dataset)
    if study is None:
        study = Study(space={})
    elif study.space is None:
        study = dataclasses.replace(study, space=default_space(rows["train"]))
    metric = study.metric or problem.score
    check_metric(metric, problem)
    check_space(study.space or {}, metric, config, dataset.without("test"))
    members = tuple(_members(config.seed, seeds, folds))
    check_scored(metric, _scored_labels(members, whole, config, problem.type))
    return Plan(
        words=tuple(words),
        config=config,
        data_dir=given.data_dir,
        study=study,
        metric=metric,
        is_lower_better=metric in problem.lower_is_better,
        bounds=problem.bounds_of(metric),
        members=members,
        fingerprint=sources.fingerprint(dataset),
        rows=rows,
        whole=_rows(whole),
        notes=tuple(notes),
    )


def _rows(dataset: Dataset) -> dict[str, int]:
    return {name: split.examples for name, split in dataset.splits.items()}


def _whole(config: Config, data_dir: str | None) -> Dataset:
    """Returns the data with no row held out for validation."""
    data = dataclasses.replace(
        config.data, validation_fraction=0.0, folds=None, fold=0
    )
    bare = dataclasses.replace(config, data=data)
    return _load(bare, data_dir)


def _load(config: Config, data_dir: str | None) -> Dataset:
    return sources.load(
        config.data,
        seed=config.seed,
        data_dir=data_dir,
        problem=config.problem,
    )


def _scored_labels(
    members: Iterable[Member], whole: Dataset, config: Config, problem: str
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields each run's name, and the labels of the rows it is scored on.

    Args:
      members: the runs.
      whole: the data with no row held out for validation.
      config: of the sweep.
      problem: the type that was settled.
    """
    for member in members:
        own = from_dict({**flatten(config), **member.fields})
        parted = sources.held_out(whole, own.data, own.seed, problem)
        yield member.name, parted.splits["validation"].labels()


def _members(
    first: int, seeds: int | None, folds: int | None
) -> Iterator[Member]:
    """Yields a trial's runs: each fold of each seed."""
    for seed in range(first, first + (seeds or 1)):
        for fold in range(folds or 1):
            fields: dict[str, Value] = {}
            if seeds is not None:
                fields["seed"] = seed
            if folds is not None:
                fields["data.fold"] = fold
            names = [f"{k.rpartition('.')[2]}_{v}" for k, v in fields.items()]
            yield Member("_".join(names), fields)
