"""What a sweep is: settled by its command line and the data, before it runs."""

import dataclasses
import itertools
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from trainer import flags
from trainer import sources
from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import assign
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.config.values import unknown_field
from trainer.launch.sweep.space import default_space
from trainer.launch.sweep.space import Space
from trainer.launch.sweep.space import Value
from trainer.launch.sweep.study import Study
from trainer.problem import problems
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.sources import Dataset

# Of the training rows, where neither data nor config hold any out.
VALIDATION_FRACTION = 0.2
# Fields that say which rows there are, and which of them are scored by what.
SETTLED = (
    "seed",
    "problem",
    "data.source",
    "data.target",
    "data.group",
    "data.order",
    "data.folds",
    "data.fold",
    "data.positive_class",
    "data.validation_fraction",
    "data.test_fraction",
    "evaluation.test_each_time",
    "evaluation.test_at_end",
)
# Fields that change what the loss is of.
OF_LOSS = (
    "loss",
    "focal_gamma",
    "label_smoothing",
    "data.class_weight",
    "data.weight",
)


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
      members: the runs of each trial.
      fingerprint: of the data.
      rows: of the data's splits.
      is_one_model: whether runs of it can be read as one: not where a table's
        rows are encoded by other training rows in each.
      has_own_validation: whether the data comes with a validation split.
      notes: what was chosen here, a line each.
    """

    words: tuple[str, ...]
    config: Config
    data_dir: str | None
    study: Study
    metric: str
    is_lower_better: bool
    members: tuple[Member, ...]
    fingerprint: str
    rows: Mapping[str, int]
    is_one_model: bool
    has_own_validation: bool
    notes: tuple[str, ...]

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
    has_own = _has_own_validation(config, given.data_dir)
    if folds is not None:
        own.append(word_of("data.folds", folds))
    elif not (has_own or config.data.validation_fraction):
        own.append(word_of("data.validation_fraction", VALIDATION_FRACTION))
        notes.append(
            f"validation: {VALIDATION_FRACTION:g} of the training rows, as"
            " config.data.validation_fraction is 0"
        )
    words = [*words, *own]
    config = flags.parse(words)[1]
    dataset = _load(config, given.data_dir)
    problem, _ = problems.settle(config, dataset.without("test"))
    rows = {name: split.examples for name, split in dataset.splits.items()}
    if study is None:
        study = Study(space={})
    elif study.space is None:
        study = dataclasses.replace(study, space=default_space(rows["train"]))
    metric = study.metric or problem.score
    _check_metric(metric, problem)
    _check_space(study.space or {}, metric, config, dataset.without("test"))
    members = tuple(_members(config.seed, seeds, folds))
    return Plan(
        words=tuple(words),
        config=config,
        data_dir=given.data_dir,
        study=study,
        metric=metric,
        is_lower_better=metric in problem.lower_is_better,
        members=members,
        fingerprint=sources.fingerprint(dataset),
        rows=rows,
        is_one_model=len(members) == 1 or dataset.encoding is None,
        has_own_validation=has_own,
        notes=tuple(notes),
    )


def _has_own_validation(config: Config, data_dir: str | None) -> bool:
    """Whether the data comes with a validation split."""
    data = dataclasses.replace(
        config.data, validation_fraction=0.0, folds=None, fold=0
    )
    bare = dataclasses.replace(config, data=data)
    return "validation" in _load(bare, data_dir).splits


def _load(config: Config, data_dir: str | None) -> Dataset:
    return sources.load(
        config.data,
        seed=config.seed,
        data_dir=data_dir,
        problem=config.problem,
    )


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


def _check_metric(metric: str, problem: Problem) -> None:
    known = ("loss", *problem.metrics)
    if metric not in known:
        raise UserError(
            f"the study's metric={metric!r} is none of {', '.join(known)}, the"
            f" metrics of problem {problem.type!r}"
        )


def _check_space(
    space: Space, metric: str, config: Config, dataset: Dataset
) -> None:
    """Checks that each field exists, and that it may have its extreme values.

    Raises:
      UserError: naming the field.
    """
    known = flatten(config)
    for field, each in space.items():
        if field not in known:
            raise unknown_field(field)
        if field in SETTLED or field.startswith(("checkpoint.", "log.")):
            raise UserError(
                f"the study's {field} is not to be searched: every trial is"
                " trained and scored on the same rows; set it by"
                f" --config.{field}"
            )
        if metric == "loss" and field in OF_LOSS:
            raise UserError(
                f"the study's {field} changes what the loss is of, and the"
                " search is for the loss; name another metric, or leave it out"
            )
        for value in each.ends():
            changed = from_dict(known)
            if each.when is not None:
                assign(changed, {each.when[0]: each.when[1][0]})
            assign(changed, {field: value})
            try:
                problems.settle(validate(changed), dataset)
            except UserError as error:
                raise UserError(f"the study's {field}: {error}") from error


def is_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names what differs between two settled sweeps."""
    was, new = _flat(before), _flat(now)
    names = list(itertools.chain(was, (n for n in new if n not in was)))
    return [
        f"{name}: {was.get(name)} -> {new.get(name)}"
        for name in names
        if was.get(name) != new.get(name)
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key in ("config", "study", "space"):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
