"""What a workdir holds of a run at one checkpoint, read without TensorFlow."""

import argparse
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np

from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import from_dict
from trainer.problem.problems import Problem
from trainer.process.exits import UserError
from trainer.serving.rows import Layout
from trainer.sources import Encoding
from trainer.storage import staging
from trainer.workdir import checkpoints
from trainer.workdir.folder import Workdir


@dataclasses.dataclass(frozen=True)
class Stored:
    """A run at one checkpoint.

    Attributes:
      workdir: that it was read from.
      config: that the run was started with.
      record: the run's record.json.
      checkpoint: the folder of the checkpoint.
      arrays: the checkpoint's arrays by name.
      problem: the run's, with the scale of its targets.
    """

    workdir: Workdir
    config: Config
    record: dict[str, Any]
    checkpoint: pathlib.Path
    arrays: dict[str, np.ndarray]
    problem: Problem

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
        return int(self.checkpoint.name.removeprefix("step_"))

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each class or label; its number where it has none."""
        names = self.problem.class_names
        if names or "regression" in self.problem.type:
            return names
        classes = max(self.problem.outputs, 2)
        if self.problem.type == "multilabel":
            classes = self.problem.outputs
        return tuple(str(number) for number in range(classes))


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags that say which weights of which run are meant."""
    parser.add_argument(
        "--workdir", metavar="DIR", required=True, help="folder of the run"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="best, last or the number of a step; by default the weights that"
        " the run's own scores are of: the best where its config selects by a"
        " metric, else the last",
    )


def read(workdir: str, checkpoint: str | None = None) -> Stored:
    """Reads a run at one checkpoint, which is verified.

    Args:
      workdir: the run's folder.
      checkpoint: "best", "last", a step, or None for the weights that
        result.json tells the scores of.

    Raises:
      UserError: no such run or checkpoint, or one that is not whole.
    """
    folder = Workdir(staging.localize(workdir))
    values, record = (
        folder.read_json("config.json"),
        folder.read_json("record.json"),
    )
    if values is None or record is None:
        raise UserError(
            f"--workdir={workdir} holds no run (no config.json and"
            " record.json); name a run's workdir"
        )
    try:
        config = validate(from_dict(values))
    except UserError as error:
        raise UserError(
            f"{folder / 'config.json'} is not this version's: {error}"
        ) from error
    path = _choose(folder, checkpoint)
    arrays, _ = checkpoints.read(path)
    problem = _problem(folder, record, arrays)
    return Stored(folder, config, record, path, arrays, problem)


def _problem(
    folder: Workdir, record: dict[str, Any], arrays: dict[str, np.ndarray]
) -> Problem:
    try:
        values = record["data"]["problem"]
        np.dtype(record["data"]["x"]["dtype"])
        named: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return Problem(
            **named,
            target_mean=arrays.get("target/mean"),
            target_std=arrays.get("target/std"),
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{folder / 'record.json'} does not say what the run predicts"
            f" ({error}); it is of another version of Strata: train again, in"
            " another --workdir"
        ) from None


def _choose(folder: Workdir, wanted: str | None) -> pathlib.Path:
    """Returns the checkpoint that is meant, verified."""
    steps = checkpoints.steps_in(folder.checkpoints)
    if not steps:
        raise UserError(
            f"--workdir={folder.path} holds no checkpoint; name a run's workdir"
        )
    if wanted not in (None, "best", "last"):
        return _at_step(folder, wanted, steps)
    newest = _verified(checkpoints.path_of(folder.checkpoints, steps[-1]))
    state = json.loads((newest / "state.json").read_text())
    best = state["best_step"]
    if wanted == "best" and best is None:
        raise UserError(
            "--checkpoint=best: the run's config selects by no metric; leave"
            " the flag out, or train with config.evaluation.select_by"
        )
    if wanted == "last" or best is None:
        return newest
    return _verified(checkpoints.path_of(folder.checkpoints, best))


def _at_step(
    folder: Workdir, wanted: str | None, steps: list[int]
) -> pathlib.Path:
    there = ", ".join(map(str, steps))
    step = int(wanted) if wanted and wanted.isdecimal() else -1
    if step not in steps:
        raise UserError(
            f"--checkpoint={wanted} is none of best, last and the steps"
            f" {there} of {folder.path}"
        )
    return _verified(checkpoints.path_of(folder.checkpoints, step))


def _verified(path: pathlib.Path) -> pathlib.Path:
    wrong = checkpoints.verify(path)
    if wrong:
        raise UserError(
            f"{path} is refused: {wrong}; restore it, or name the step of"
            " another by --checkpoint"
        )
    return path
