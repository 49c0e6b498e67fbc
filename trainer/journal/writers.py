"""Who is told what a run says: one list, empty where it is not the chief's."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.journal import hypertune
from trainer.journal.display import Display
from trainer.journal.first_images import FirstImages
from trainer.journal.hypertune import Hypertune
from trainer.journal.metrics_log import MetricsLines
from trainer.journal.mistakes_file import MistakesFile
from trainer.journal.outlets import Outlets
from trainer.journal.tensorboard import TensorBoard
from trainer.journal.tracking import TrackerWriter
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer


def open_writers(
    subject: Subject, display: Display, outlets: Outlets
) -> "Writers":
    """Opens all that a run wants to be told in; a new writer is a line here.

    Args:
      subject: the run.
      display: what stdout holds.
      outlets: where else it is told of.
    """
    log = subject.config.log
    on_alert = outlets.on_alert
    table: tuple[tuple[bool, Callable[[Subject], Writer]], ...] = (
        (True, MetricsLines),
        (True, FirstImages),
        (log.report, MistakesFile),
        (log.tensorboard, TensorBoard),
        (hypertune.FILE in os.environ, Hypertune),
        (True, display.writer),
        (on_alert is not None, lambda run: _alert_hook(run, on_alert)),
    )
    made = [make(subject) for is_wanted, make in table if is_wanted]
    tracked = [TrackerWriter(subject, each) for each in outlets.trackings]
    return Writers([*made, *tracked, *_of_each_worker(subject, outlets)])


def open_workers_writers(subject: Subject, outlets: Outlets) -> "Writers":
    """Opens what a worker that is not the chief is told of in.

    Args:
      subject: the run.
      outlets: where it is told of.
    """
    return Writers(_of_each_worker(subject, outlets))


def _alert_hook(subject: Subject, target: str | None) -> Writer:
    from trainer.journal.alert_hook import AlertHook

    return AlertHook(subject, target or "")


def _of_each_worker(subject: Subject, outlets: Outlets) -> list[Writer]:
    if outlets.metrics is None:
        return []
    from trainer.journal.prometheus import Prometheus

    return [Prometheus(subject, outlets.metrics)]


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

    def saved(self, step: int, secs: float) -> None:
        for writer in self._writers:
            writer.saved(step, secs)

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
