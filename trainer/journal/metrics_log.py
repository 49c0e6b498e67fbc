"""metrics.jsonl and timing.jsonl: each (step, split) once."""

import json
import os
import pathlib

from trainer.storage.files import read_json_lines
from trainer.storage.files import write_atomically


class MetricsLog:
    """metrics.jsonl: each (step, split) once, restarts included."""

    def __init__(self, path: pathlib.Path, step: int) -> None:
        """Opens the log, dropping lines of steps that will be run again.

        Args:
          path: of the file.
          step: of the checkpoint that the run goes on from; 0 for none.
        """
        kept = [line for line in read_json_lines(path) if line["step"] <= step]
        self._seen = {(line["step"], line["split"]) for line in kept}
        if path.exists():
            text = "".join(json.dumps(line) + "\n" for line in kept)
            write_atomically(path, text.encode())
        self._file = open(path, "a", buffering=1)  # noqa: SIM115

    def write(
        self, step: int, epoch: int, split: str, values: dict[str, float]
    ) -> bool:
        """Appends a line; returns False where (step, split) has one already."""
        if (step, split) in self._seen:
            return False
        self._seen.add((step, split))
        line = {"step": step, "epoch": epoch, "split": split, **values}
        self._file.write(json.dumps(line, allow_nan=False) + "\n")
        return True

    def sync(self) -> None:
        """Makes the lines so far last; before the checkpoint that follows."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
