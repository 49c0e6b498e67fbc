"""A run at one of its checkpoints, read without TensorFlow."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import numpy as np

from trainer.finished import stored_run
from trainer.finished.stored_run import ENSEMBLE_FILE
from trainer.finished.stored_run import StoredRun
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.storage import staging
from trainer.storage.names import path_within
from trainer.storage.names import step_of
from trainer.tables.encoding import Encoding
from trainer.tables.readings import Reading
from trainer.workdir import checkpoints
from trainer.workdir.folder import Workdir


class Layout(NamedTuple):
    """A row as the run's data was stored.

    Attributes:
      shape: without the rows.
      dtype: of the values.
      encoding: how a CSV file's cells become rows; None where they are rows.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    encoding: Encoding | None = None

    @property
    def features(self) -> int:
        return math.prod(self.shape)


@dataclasses.dataclass(frozen=True)
class TrainedRun(StoredRun):
    """A run with the weights that it had at one step.

    Attributes:
      checkpoint: the folder of the checkpoint.
      arrays: the checkpoint's arrays by name; `problem` has its targets' scale.
      members: the runs whose mean answer this is, where it is an ensemble; all
        else is then the first one's, but for the workdir and how rows look.
    """

    checkpoint: pathlib.Path
    arrays: dict[str, np.ndarray]
    members: tuple["TrainedRun", ...] = ()

    @property
    def data(self) -> dict[str, Any]:
        """What record.json says of the data."""
        return self.record["data"]

    @property
    def shape(self) -> tuple[int, ...]:
        """A row's shape, as the data was stored."""
        return tuple(self.data["x"]["shape"])

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.data["x"]["dtype"])

    @property
    def encoding(self) -> Encoding | None:
        """How a table's cells become rows, where the data was a CSV file.

        Raises:
          UserError: record.json tells other rows than the network takes.
        """
        value = self.data.get("encoding")
        if not value:
            return None
        encoding = Encoding.from_json(value)
        if (len(encoding.features),) != self.shape:
            raise UserError(
                f"{self.workdir.path / 'record.json'} tells"
                f" {len(encoding.features)} features of rows of shape"
                f" {list(self.shape)}: it was altered; restore it"
            )
        return encoding

    @property
    def layout(self) -> Layout:
        """What rows to predict from look like."""
        return Layout(self.shape, self.dtype, self.encoding)

    @property
    def step(self) -> int:
        step = step_of(self.checkpoint.name)
        assert step is not None, "its checkpoint was chosen by this name"
        return step

    @property
    def keeps_decision(self) -> bool:
        """Whether what was fitted on validation rows, if anything, holds."""
        return self.decided_step in (None, self.step)

    @property
    def note(self) -> str:
        """What a reader of its scores should know; "" of nothing."""
        if self.keeps_decision:
            return ""
        held = "temperature 1"
        if self.problem.takes_threshold:
            held += f" and threshold {self.problem.threshold:g}"
        return (
            f"what was fitted on validation rows is of step {self.decided_step}"
            f" alone; these weights have {held}"
        )

    @property
    def own_scores(self) -> dict[str, dict[str, float]]:
        """The last split's final scores, by its name, of these very weights.

        {} where they are of others, or the run goes on.
        """
        split = self.final_split
        if split is None or self.step != self.scored_step:
            return {}
        return {split: self.final}

    @property
    def own_detail(self) -> dict[str, Any]:
        """detail.json where it tells of `own_scores`; else {}."""
        return self.final_detail if self.own_scores else {}

    @property
    def evaluated_rows(self) -> int:
        """The rows of a batch of the run's own evaluation."""
        return self.config.evaluation.global_batch_size

    @property
    def card_text(self) -> str:
        """The model card, which an export has."""
        return ""

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each class or label; its number where it has none."""
        return self.problem.labels


def add_flags(parser: Parser) -> None:
    """Adds the flags that say which weights of which run are meant."""
    parser.workdir()
    parser.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="best, last or the number of a step; by default the weights that"
        " the run's own scores are of: the best where its config selects by a"
        " metric, else the last",
    )


def read(
    workdir: str | os.PathLike[str], checkpoint: str | None = None
) -> TrainedRun:
    """Reads a run at one checkpoint, which is verified.

    Args:
      workdir: the run's folder.
      checkpoint: "best", "last", a step, or None for the weights that
        result.json tells the scores of.

    Raises:
      UserError: no such run or checkpoint, or one that is not whole; or runs
        that cannot be one model.
    """
    folder = Workdir(staging.localize(workdir))
    found = folder.read_json(ENSEMBLE_FILE)
    if found is not None:
        names = found["members"]
        paths = [path_within(folder.path, name) for name in names]
        members = [_read(Workdir(str(p)), p, checkpoint) for p in paths]
        return _ensemble(folder, members)
    return _read(folder, workdir, checkpoint)


def _read(
    workdir: Workdir, name: str | os.PathLike[str], checkpoint: str | None
) -> TrainedRun:
    run = stored_run.read_in(workdir, name)
    path, arrays, _ = checkpoints.load(run.workdir.checkpoints, checkpoint)
    problem = dataclasses.replace(
        run.problem,
        target_mean=arrays.get("target/mean"),
        target_std=arrays.get("target/std"),
    )
    own = vars(run) | {"problem": problem}
    found = TrainedRun(**own, checkpoint=path, arrays=arrays)
    if found.keeps_decision:
        return found
    return dataclasses.replace(found, problem=found.undecided)


def _ensemble(workdir: Workdir, runs: list[TrainedRun]) -> TrainedRun:
    """Returns the runs as one.

    Runs of other folds or seeds encode a table each by its own training rows:
    the ensemble's rows have the features of every such encoding.

    No threshold or temperature of one run's is the others'; the config's
    threshold holds, where the problem takes one.

    Raises:
      UserError: they take other rows, or answer something else.
    """
    first = runs[0]
    for run in runs[1:]:
        for what, ours, theirs in (
            ("problem", first.problem.type, run.problem.type),
            ("classes", first.labels, run.labels),
            ("rows", _taken(first), _taken(run)),
            *_read_by_both(first.encoding, run.encoding),
        ):
            if ours != theirs:
                raise UserError(
                    f"{workdir.path}: {run.workdir.path} has other {what} than"
                    f" {first.workdir.path}; the runs of an ensemble are of one"
                    " problem, on the same data"
                )
    if len(runs) == 1:
        return dataclasses.replace(first, workdir=workdir)
    return dataclasses.replace(
        first,
        name=workdir.path.absolute().name,
        workdir=workdir,
        problem=first.undecided,
        decided_step=None,
        record=first.record | {"data": _data_of_all(runs)},
        members=tuple(runs),
    )


def _taken(run: TrainedRun) -> tuple[Any, ...]:
    """Returns what tells a run's rows from another's, however encoded."""
    encoding = run.encoding
    if encoding is None:
        return (run.shape, run.dtype)
    return ("a table", encoding.target, encoding.is_text_target)


def _read_by_both(
    ours: Encoding | None, theirs: Encoding | None
) -> Iterator[tuple[str, Reading, Reading]]:
    """Yields how each reads a column that both do."""
    if ours is not None and theirs is not None:
        for name, reading in ours.readings.items():
            if name in theirs.readings:
                yield f"cells of {name!r}", reading, theirs.readings[name]


def _data_of_all(runs: list[TrainedRun]) -> dict[str, Any]:
    """Returns what the first run's record.json says of data, for all."""
    first = runs[0]
    if first.encoding is None:
        return first.data
    found: list[Encoding] = []
    for run in runs:
        if run.encoding is not None and run.encoding not in found:
            found.append(run.encoding)
    joint = dataclasses.replace(found[0], others=tuple(found[1:]))
    x = first.data["x"] | {"shape": [len(joint.features)]}
    return first.data | {"x": x, "encoding": joint.to_json()}
