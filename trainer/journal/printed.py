"""What is printed in words, for people and in machines' messages alike."""

from typing import Any

from trainer.journal.writer import Ending
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.problem import baselines
from trainer.problem.problem import Problem


class Printed(Writer):
    """Prints what people and machines alike are told in words."""

    def __init__(self, subject: Subject) -> None:
        self._problem = subject.network.problem
        self._workdir = subject.workdir

    def alert(self, step: int, words: str) -> None:
        print(f"WARNING: {words}", flush=True)

    def end(self, told: Ending) -> None:
        self.tell_done(told)
        self.tell_beside(told.result)
        self.tell_score(told.result)

    def tell_done(self, told: Ending) -> None:
        """Says how the run ended, and where it stands."""
        result = told.result
        where = f"step {result['step']}; {self._workdir.path}"
        if result["status"] != "done":
            print(f"{result['status']} at {where}", flush=True)
            return
        best = result["best_step"]
        chosen = f"weights of step {best}; " if best else ""
        early = " (stopped early)" if told.stopped_early else ""
        print(f"done at {where}{early}; {chosen}see result.json", flush=True)

    def tell_beside(self, result: dict[str, Any]) -> None:
        """Says how guessing and a linear model score, if the run is done."""
        for found in result["baselines"].values():
            print("\n".join(baselines.lines(found)), flush=True)

    def tell_score(self, result: dict[str, Any]) -> None:
        """Says the score, if the run is done: its last line."""
        if "test" in result["evaluation"]:
            score = score_line(self._problem, result["evaluation"]["test"])
            print(score, flush=True)


def score_line(problem: Problem, values: dict[str, float]) -> str:
    """Returns the run's last line, such as "MLP score: 97.95%"."""
    return f"MLP score: {problem.say_score(values)}"
