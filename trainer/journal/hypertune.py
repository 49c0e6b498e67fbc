"""Scores for Vertex AI's hyper-parameter tuning, in the file that it watches.

A line of JSON for each score, as its own package cloudml-hypertune writes it.
"""

import collections
import json
import os
import pathlib
import time

from trainer.journal.writer import Ending
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.storage.files import write_atomically

# Set in a trial of a tuning, and nowhere else.
FILE = "CLOUD_ML_HP_METRIC_FILE"
TRIAL = "CLOUD_ML_TRIAL_ID"
KEPT_LINES = 100


class Hypertune(Writer):
    """Says each score of validation and test, by the tag SPLIT_METRIC.

    The tuning compares trials by the last of a tag, so the final scores end it.
    """

    def __init__(self, subject: Subject) -> None:
        self._file = pathlib.Path(os.environ[FILE])
        self._lines: collections.deque[str] = collections.deque(
            maxlen=KEPT_LINES
        )

    def line(self, line: Line) -> None:
        if line.split != "train":
            self._add(line.split, line.step, line.values)

    def end(self, told: Ending) -> None:
        for split, values in told.scores.items():
            self._add(split, told.result["step"], values)

    def _add(self, split: str, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            told = {
                "timestamp": time.time(),
                "trial": os.environ.get(TRIAL, "0"),
                f"{split}_{name}": str(float(value)),
                "global_step": str(step),
                "checkpoint_path": "",
            }
            self._lines.append(json.dumps(told, sort_keys=True))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{each}\n" for each in self._lines)
        write_atomically(self._file, text.encode())
