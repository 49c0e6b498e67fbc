"""What stdout holds: text for people, or JSON for machines."""

import contextlib
from collections.abc import Iterator

from trainer.journal.writer import Subject
from trainer.journal.writer import Writer


class Display:
    """Text for people: what is printed is what they see."""

    def __init__(self, every_secs: float = 30.0) -> None:
        """Remembers how often to speak.

        Args:
          every_secs: between two lines of progress where stdout is no terminal.
        """
        self._every_secs = every_secs

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Has stdout hold what it should for as long as a job runs."""
        yield

    def writer(self, subject: Subject) -> Writer:
        """Makes the writer that tells of a run on stdout."""
        # It brings Keras, which is not imported before the data are good.
        from trainer.journal.terminal import Terminal

        return Terminal(subject, self._every_secs)
