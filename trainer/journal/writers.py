"""Who is told what a run says: one list, empty where it is not the chief's."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.journal.display import Display
from trainer.journal.first_images import FirstImages
from trainer.journal.metrics_log import MetricsLines
from trainer.journal.mistakes_file import MistakesFile
from trainer.journal.tensorboard import TensorBoard
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer


def open_writers(subject: Subject, display: Display) -> "Writers":
    """Opens all that a run wants to be told in; a new writer is a line here.

    Args:
      subject: the run.
      display: what stdout holds.
    """
    log = subject.config.log
    table: tuple[tuple[bool, Callable[[Subject], Writer]], ...] = (
        (True, MetricsLines),
        (True, FirstImages),
        (log.report, MistakesFile),
        (log.tensorboard, TensorBoard),
        (True, display.writer),
    )
    return Writers([make(subject) for is_wanted, make in table if is_wanted])


class Writers(Writer):
    """Passes each event to all; each (step, split) once, as all agree."""

    def __init__(self, writers: Sequence[Writer]) -> None:
        self._writers = writers

    def introduce(self) -> None:
        for writer in self._writers:
            writer.introduce()

    def begin_chunk(self, step: int) -> None:
        for writer in self._writers:
            writer.begin_chunk(step)

    def preview(
        self, step: int, norms: dict[str, float], tensors: dict[str, tf.Tensor]
    ) -> None:
        for writer in self._writers:
            writer.preview(step, norms, tensors)

    def alert(self, step: int, words: str) -> None:
        for writer in self._writers:
            writer.alert(step, words)

    def is_new(self, line: Line) -> bool:
        return all(writer.is_new(line) for writer in self._writers)

    def line(self, line: Line) -> None:
        if self.is_new(line):
            for writer in self._writers:
                writer.line(line)

    def outputs(self, split: str, step: int, outputs: np.ndarray) -> None:
        for writer in self._writers:
            writer.outputs(split, step, outputs)

    def progress(
        self, step: int, values: dict[str, float], *, is_last: bool
    ) -> None:
        for writer in self._writers:
            writer.progress(step, values, is_last=is_last)

    def goodput(self, step: int, secs: dict[str, float]) -> None:
        for writer in self._writers:
            writer.goodput(step, secs)

    def sync(self) -> None:
        for writer in self._writers:
            writer.sync()

    def stop(self) -> None:
        for writer in self._writers:
            writer.stop()

    def mistakes(
        self, split: str, step: int, find: Callable[[], dict[str, Any]]
    ) -> None:
        for writer in self._writers:
            writer.mistakes(split, step, find)

    def end(
        self, result: dict[str, Any], *, step_secs: float, stopped_early: bool
    ) -> None:
        for writer in self._writers:
            writer.end(result, step_secs=step_secs, stopped_early=stopped_early)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()
