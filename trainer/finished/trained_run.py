"""A run at one of its checkpoints, read without TensorFlow."""

import dataclasses
import math
import os
import pathlib
from typing import Any
from typing import NamedTuple

import numpy as np

from trainer.finished import stored_run
from trainer.finished.stored_run import StoredRun
from trainer.process.arguments import Parser
from trainer.sources import Encoding
from trainer.storage.names import step_of
from trainer.workdir import checkpoints


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
    """

    checkpoint: pathlib.Path
    arrays: dict[str, np.ndarray]

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
        """How a table's cells become rows, where the data was a CSV file."""
        value = self.data.get("encoding")
        return Encoding.from_json(value) if value else None

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
      UserError: no such run or checkpoint, or one that is not whole.
    """
    run = stored_run.read(workdir)
    path, arrays, _ = checkpoints.load(run.workdir.checkpoints, checkpoint)
    problem = dataclasses.replace(
        run.problem,
        target_mean=arrays.get("target/mean"),
        target_std=arrays.get("target/std"),
    )
    own = vars(run) | {"problem": problem}
    return TrainedRun(**own, checkpoint=path, arrays=arrays)
