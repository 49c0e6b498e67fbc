"""Scores for Vertex AI's hyper-parameter tuning, in the file that it watches.

A line of JSON for each score, as its own package cloudml-hypertune writes it.
"""

import collections
import json
import os
import pathlib
import time

from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.storage.files import write_atomically

# Set in a trial of a tuning, and nowhere else.
FILE = "CLOUD_ML_HP_METRIC_FILE"
TRIAL = "CLOUD_ML_TRIAL_ID"
KEPT_LINES = 100


class Hypertune(Writer):
    """Says each score of validation and test, by the tag SPLIT_METRIC."""

    def __init__(self, subject: Subject) -> None:
        self._file = pathlib.Path(os.environ[FILE])
        self._lines: collections.deque[str] = collections.deque(
            maxlen=KEPT_LINES
        )

    def line(self, line: Line) -> None:
        if line.split == "train":
            return
        for name, value in line.values.items():
            told = {
                "timestamp": time.time(),
                "trial": os.environ.get(TRIAL, "0"),
                f"{line.split}_{name}": str(float(value)),
                "global_step": str(line.step),
                "checkpoint_path": "",
            }
            self._lines.append(json.dumps(told, sort_keys=True))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{each}\n" for each in self._lines)
        write_atomically(self._file, text.encode())
