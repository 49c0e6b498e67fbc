"""metrics.jsonl and timing.jsonl: each (step, split) once, and their sums."""

import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any

from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.process.no_link import no_link
from trainer.storage.files import sync_folder
from trainer.storage.files import write_atomically
from trainer.workdir import lines
from trainer.workdir.lines import Key


class MetricsLog:
    """A file of lines, to which more are added."""

    def __init__(self, path: pathlib.Path, kept: list[bytes]) -> None:
        """Opens the file; what else stood in it is gone.

        Args:
          path: of the file.
          kept: the lines that it is to begin with, without their ends.
        """
        data = b"".join(line + b"\n" for line in kept)
        if data != (path.read_bytes() if path.exists() else b""):
            write_atomically(path, data)
        self._file = open(path, "ab", opener=no_link)  # noqa: SIM115
        sync_folder(path.parent)

    def write(self, line: bytes) -> None:
        """Appends a line, given without its end."""
        self._file.write(line + b"\n")
        self._file.flush()

    def sync(self) -> None:
        """Makes the lines so far last; before the checkpoint that follows."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class MetricsLines(Writer):
    """Writes the files; what metrics.jsonl holds is told nowhere again."""

    def __init__(self, subject: Subject) -> None:
        """Opens the files, dropping lines of steps that will be run again."""
        folder, step = subject.workdir.path, subject.first_step
        found = {
            name: lines.read(folder, name, last_step=step)
            for name in (lines.METRICS, lines.TIMING)
        }
        for each in found.values():
            if each.wrong:
                each.tell()
                each.keep_aside()
        self._seen = set(found[lines.METRICS].by_key)
        texts = {
            name: {key: text for key, (_, text) in each.by_key.items()}
            for name, each in found.items()
        }
        self._logs = {
            name: MetricsLog(folder / name, [*kept.values()])
            for name, kept in texts.items()
        }
        # After the lines, which are few where this is cut off.
        self._sums = MetricsLog(
            folder / lines.SUMS,
            [
                _sums(key, {n: kept.get(key) for n, kept in texts.items()})
                for key in texts[lines.METRICS] | texts[lines.TIMING]
            ],
        )

    def is_new(self, line: Line) -> bool:
        return (line.step, line.split) not in self._seen

    def line(self, line: Line) -> None:
        key = (line.step, line.split)
        if key in self._seen:
            return
        self._seen.add(key)
        place = {"step": line.step, "epoch": line.epoch, "split": line.split}
        times = {"run_secs": line.run_secs, "unix_secs": time.time()}
        texts = {
            lines.METRICS: _text({**place, **line.values}),
            # When it was written, and how fast the run was.
            lines.TIMING: _text({**place, **times, **line.extra}),
        }
        self._sums.write(_sums(key, texts))
        for name, log in self._logs.items():
            log.write(texts[name])

    def sync(self) -> None:
        for log in (*self._logs.values(), self._sums):
            log.sync()

    def close(self) -> None:
        for log in (*self._logs.values(), self._sums):
            log.close()


def _text(values: dict[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False).encode()


def _sums(key: Key, texts: Mapping[str, bytes | None]) -> bytes:
    """Returns the line of sums.jsonl for a (step, split)."""
    step, split = key
    sums = {name: text and lines.sum_of(text) for name, text in texts.items()}
    return _text({"step": step, "split": split, **sums})
