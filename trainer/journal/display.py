"""What stdout holds: text for people, or JSON for machines."""

import contextlib
from collections.abc import Iterator
from typing import Any

from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.problem.problem import Problem


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


class Printed(Writer):
    """Prints what people and machines alike are told in words."""

    def __init__(self, subject: Subject) -> None:
        self._problem = subject.network.problem
        self._workdir = subject.workdir

    def alert(self, step: int, words: str) -> None:
        print(f"WARNING: {words}", flush=True)

    def end(
        self, result: dict[str, Any], *, step_secs: float, stopped_early: bool
    ) -> None:
        where = f"step {result['step']}; {self._workdir.path}"
        if result["status"] != "done":
            print(f"{result['status']} at {where}", flush=True)
            return
        best, evaluation = result["best_step"], result["evaluation"]
        chosen = f"weights of step {best}; " if best else ""
        early = " (stopped early)" if stopped_early else ""
        print(f"done at {where}{early}; {chosen}see result.json", flush=True)
        if "test" in evaluation:
            print(score_line(self._problem, evaluation["test"]), flush=True)


def score_line(problem: Problem, values: dict[str, float]) -> str:
    """Returns the run's last line, such as "MLP score: 97.95%"."""
    return f"MLP score: {problem.say_score(values)}"
