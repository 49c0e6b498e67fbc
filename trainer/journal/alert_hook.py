"""Calls a user's command or webhook at each alert."""

from trainer.journal import alerts
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.process.hooks import Hook


class AlertHook(Writer):
    """Passes alerts on; who cannot be told holds nothing up."""

    def __init__(self, subject: Subject, target: str) -> None:
        self._workdir = str(subject.workdir.path)
        self._hook = Hook("on_alert", target)

    def alert(self, step: int, words: str) -> None:
        name = alerts.name_of(words)
        self._hook.tell(
            "alert", words, name=name, step=step, workdir=self._workdir
        )

    def close(self) -> None:
        self._hook.close()
