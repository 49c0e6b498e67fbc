"""The rows that a run is scored on: its own, or others of the same shape."""

import dataclasses

import numpy as np

from trainer import sources
from trainer.finished.trained_run import TrainedRun
from trainer.problem import problems
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.folder import recorded_folder
from trainer.tables.given import Given

SPLITS = ("train", "validation", "test", "all")


@dataclasses.dataclass(frozen=True)
class ScoredData:
    """Data with labels that the run's problem takes.

    Attributes:
      dataset: its labels as `Problem.convert` left them.
      problem: as settled for it.
      fingerprint: of it.
      is_own: whether the run was trained on it.
    """

    dataset: Dataset
    problem: Problem
    fingerprint: str
    is_own: bool

    def split(self, name: str) -> Split:
        """Returns a split by its name, or "all" rows.

        Raises:
          UserError: there is no such split.
        """
        splits = self.dataset.splits
        if name == "all":
            return _joined(list(splits.values()))
        if name not in splits:
            raise UserError(
                f"--split={name}: {self.dataset.name} has"
                f" {', '.join(splits)}, or all"
            )
        return splits[name]


def load(
    run: TrainedRun,
    data_dir: str | None,
    given: Given | None = None,
    *,
    split: str | None = None,
) -> ScoredData:
    """Loads the run's own data, or that of another folder.

    Args:
      run: the run.
      data_dir: the folder; None for the one that the run was trained on.
      given: a program's own arrays or tables, which stand for a folder.
      split: that is asked for. Of "all" rows of other data none is held out,
        and no column is needed by which they would be.

    Raises:
      UserError: it cannot be read, or is of another shape or other classes;
        or the run's own is not to be read unasked.
    """
    folder = data_dir
    if folder is None and given is None:
        folder = recorded_folder(run.record)
    if split != "all":
        return _loaded(run, folder, given)
    try:
        found = _loaded(run, folder, given)
        if found.is_own:
            return found
    except UserError:  # what else is wrong is told below
        pass
    return _loaded(_unparted(run), folder, given)


def _unparted(run: TrainedRun) -> TrainedRun:
    """Returns the run as if it had held no rows out."""
    data = dataclasses.replace(
        run.config.data,
        test_fraction=0.0,
        validation_fraction=0.0,
        folds=None,
        fold=0,
        group=None,
        order=None,
        weight=None,
    )
    config = dataclasses.replace(run.config, data=data)
    return dataclasses.replace(run, config=config)


def _loaded(
    run: TrainedRun, folder: str | None, given: Given | None
) -> ScoredData:
    dataset = sources.load(
        run.config.data,
        seed=run.config.seed,
        data_dir=folder,
        problem=run.problem.type,
        known=run.data["fingerprint"],
        encoding=run.encoding,
        given=given,
    )
    fingerprint = sources.fingerprint(dataset)
    _check_rows(run, dataset)
    problem, dataset = _settle(run, dataset)
    is_own = fingerprint == run.data["fingerprint"]
    return ScoredData(dataset, problem, fingerprint, is_own)


def _check_rows(run: TrainedRun, dataset: Dataset) -> None:
    if run.encoding is not None and dataset.encoding is None:
        raise UserError(
            f"{dataset.name} holds arrays, and the run was trained on a table;"
            " score it on a table of the same columns"
        )
    x = dataset.splits["train"].x
    if x.shape[1:] != run.shape or x.dtype != run.dtype:
        raise UserError(
            f"{dataset.name} has rows of {x.dtype.name} {x.shape[1:]}, and the"
            f" run takes {run.dtype.name} {run.shape}; save them alike"
        )


def _settle(run: TrainedRun, dataset: Dataset) -> tuple[Problem, Dataset]:
    evaluation = dataclasses.replace(
        run.config.evaluation,
        select_by=None,
        patience=None,
        threshold_by="none",
        temperature_scaling=False,
    )
    config = dataclasses.replace(run.config, evaluation=evaluation)
    problem, dataset = problems.settle(config, dataset, run.problem)
    if problem.outputs != run.problem.outputs:
        raise UserError(
            f"{dataset.name} has {problem.outputs} labels a row, and the run"
            f" {run.problem.outputs}; save them alike"
        )
    return problem, dataset


def _joined(splits: list[Split]) -> Split:
    """Returns all rows of several splits, of shared arrays in stored order."""
    first = splits[0]
    if all(s.x is first.x and s.rows is not None for s in splits):
        rows = np.sort(np.concatenate([s.rows for s in splits]))
        return Split(first.x, first.y, rows)
    whole = np.result_type(*(s.x.dtype for s in splits))
    if whole.kind != first.x.dtype.kind and whole.kind == "f":
        found = ", ".join(dict.fromkeys(s.x.dtype.name for s in splits))
        raise UserError(
            f"--split=all: rows are {found}, which nothing but float64 holds"
            " together, and it would round them; score one split after the"
            " other, or save them alike"
        )
    return Split(
        np.concatenate(
            [s.x if s.rows is None else s.x[s.rows] for s in splits]
        ),
        np.concatenate([s.labels() for s in splits]),
    )
