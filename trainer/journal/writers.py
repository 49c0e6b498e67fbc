"""Who is told what a run says: one list, empty where it is not the chief's."""

import os
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

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
    subject: Subject,
    display: Display,
    outlets: Outlets,
    check_held: Callable[[], None] = lambda: None,
) -> "Writers":
    """Opens all that a run wants to be told in; a new writer is a line here.

    Args:
      subject: the run.
      display: what stdout holds.
      outlets: where else it is told of.
      check_held: raises OSError where the workdir is the run's no more.
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
    writers = [*made, *tracked, *_of_each_worker(subject, outlets)]
    return Writers(writers, check_held)


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

    def __init__(
        self,
        writers: Sequence[Writer],
        check_held: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes who is told, and what is asked before a file is added to."""
        self._writers, self._check_held = writers, check_held

    def is_new(self, line: Line) -> bool:
        return all(writer.is_new(line) for writer in self._writers)

    def line(self, line: Line) -> None:
        if self.is_new(line):
            self._check_held()
            for writer in self._writers:
                writer.line(line)

    def mistakes(
        self, split: str, step: int, find: Callable[[], dict[str, Any]]
    ) -> None:
        self._check_held()
        for writer in self._writers:
            writer.mistakes(split, step, find)


def _passed_on(event: str) -> Callable[..., None]:
    """Returns the method that passes an event on as it came."""

    def tell(self: Writers, *told: Any, **named: Any) -> None:
        for writer in self._writers:
            getattr(writer, event)(*told, **named)

    return tell


# Whoever tells Writers an event is held by types against Writer's.
for _event in vars(Writer).keys() - vars(Writers).keys():
    if not _event.startswith("_"):
        setattr(Writers, _event, _passed_on(_event))
