"""detail.json: what stands behind the final score, for the report."""

from collections.abc import Callable
from typing import Any

from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.problem.mistakes import to_json


class MistakesFile(Writer):
    """Keeps the mistakes behind the final score."""

    def __init__(self, subject: Subject) -> None:
        self._workdir = subject.workdir

    def mistakes(
        self, split: str, step: int, find: Callable[[], dict[str, Any]]
    ) -> None:
        self._workdir.write_json(
            "detail.json", {"step": step, **to_json(find())}
        )
