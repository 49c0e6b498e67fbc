"""A run as its export tells it: what a model card says, and the files."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from trainer.finished.trained_run import Layout
from trainer.problem.problem import Problem
from trainer.problem.problems import from_record
from trainer.process.exits import UserError
from trainer.sources.sketch import Sketch
from trainer.storage import json_files
from trainer.storage.files import difference
from trainer.storage.names import MANIFEST
from trainer.tables.encoding import Encoding

CARD = "model_card.json"
CARD_TEXT = "model_card.md"
# Of the training rows; there where the run has one.
SKETCH = "sketch.json"
_SUMS = dict[str, dict[str, dict[str, Any]]]


@dataclasses.dataclass(frozen=True)
class ExportedRun:
    """A folder of `strata export`, whose files are as they were written.

    Attributes:
      path: of the folder.
      card: model_card.json.
      problem: the run's. Outputs of exports are in the target's own units, so
        that it knows no scale of targets.
      layout: what rows look like.
      sketch: what its training rows look like; None where none was kept.
      card_text: model_card.md.
    """

    path: pathlib.Path
    card: dict[str, Any]
    problem: Problem
    layout: Layout
    sketch: Sketch | None = None
    card_text: str = ""

    @property
    def data(self) -> dict[str, Any]:
        """What record.json says of the data."""
        return self.card["data"]

    @property
    def step(self) -> int:
        return self.card["run"]["step"]

    @property
    def own_scores(self) -> dict[str, dict[str, float]]:
        """The last split's final scores, by its name; {} where it has none."""
        return self.card["run"]["evaluation"]

    @property
    def own_detail(self) -> dict[str, Any]:
        """What detail.json tells of `own_scores`, as far as it is kept."""
        return self.card["run"]

    @property
    def evaluated_rows(self) -> int:
        """The rows of a batch of the run's own evaluation."""
        return self.card["config"]["evaluation"]["global_batch_size"]

    def agrees(self, name: str) -> bool:
        """Whether a format said what the trainer said, when it was written."""
        found = self.card["agreement"].get(name)
        return (
            found is not None
            and found["greatest_difference"] <= self.card["tolerance"]
            and not found["labels_that_differ"]
        )


def is_export(path: pathlib.Path) -> bool:
    """Whether a folder is one of `strata export`, whole or not."""
    return (path / CARD).is_file()


def read(path: pathlib.Path) -> ExportedRun:
    """Reads an export, each of whose files is held against its checksum.

    Raises:
      UserError: it is not whole, or of another version of Strata.
    """
    try:
        manifest = json_files.parse((path / MANIFEST).read_bytes(), _SUMS)
        fault = difference(path, manifest["files"])
        if fault is not None:
            raise UserError(f"{path} is refused: {fault}; export it again")
        card = json_files.parse((path / CARD).read_bytes(), dict[str, Any])
        values = dict(card["data"]["problem"])
        if card["threshold"] is not None:
            values["threshold"] = card["threshold"]
        encoding = card["data"].get("encoding")
        layout = Layout(
            tuple(card["data"]["x"]["shape"]),
            np.dtype(card["data"]["x"]["dtype"]),
            Encoding.from_json(encoding) if encoding else None,
        )
        text = (path / CARD_TEXT).read_text("utf-8", "replace")
        return ExportedRun(
            path, card, from_record(values), layout, _sketch(path), text
        )
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error}); export it again"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is no export of this version of Strata ({error}); export"
            " it again"
        ) from None


def _sketch(path: pathlib.Path) -> Sketch | None:
    file = path / SKETCH
    if not file.is_file():  # an earlier version's, or of too many columns
        return None
    return Sketch.from_json(json_files.parse(file.read_bytes(), dict[str, Any]))
