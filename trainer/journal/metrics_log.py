"""metrics.jsonl and timing.jsonl: each (step, split) once."""

import json
import os
import pathlib
import time

from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.storage.files import read_json_lines
from trainer.storage.files import write_atomically


class MetricsLog:
    """A log of numbers: each (step, split) once, restarts included."""

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
        self._file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def has(self, step: int, split: str) -> bool:
        return (step, split) in self._seen

    def write(
        self, step: int, epoch: int, split: str, values: dict[str, float]
    ) -> bool:
        """Appends a line; returns False where (step, split) has one already."""
        if self.has(step, split):
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


class MetricsLines(Writer):
    """Writes both files; what metrics.jsonl holds is told nowhere again."""

    def __init__(self, subject: Subject) -> None:
        workdir, step = subject.workdir, subject.first_step
        self._metrics = MetricsLog(workdir / "metrics.jsonl", step)
        # When each line of metrics.jsonl was written, and how fast the run was.
        self._timing = MetricsLog(workdir / "timing.jsonl", step)

    def is_new(self, line: Line) -> bool:
        return not self._metrics.has(line.step, line.split)

    def line(self, line: Line) -> None:
        place = (line.step, line.epoch, line.split)
        times = {"run_secs": line.run_secs, "unix_secs": time.time()}
        self._metrics.write(*place, line.values)
        self._timing.write(*place, {**times, **line.extra})

    def sync(self) -> None:
        self._metrics.sync()

    def close(self) -> None:
        self._metrics.close()
        self._timing.close()
