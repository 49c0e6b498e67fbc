"""What the chunks of a run add up to: rows, sums and seconds."""

import numpy as np

from trainer.input.epochs import Epochs
from trainer.journal.alerts import REMEDY
from trainer.problem.problem import Problem
from trainer.process.clock import Clock
from trainer.process.clock import Since
from trainer.train.state import State


class DivergedError(Exception):
    """A loss is not finite any more; says where, and the remedy."""


class Accounts:
    """Adds up in all, since the last train line, and since the bar began.

    Attributes:
      examples: rows that this process has trained on.
      steps: that it has taken.
    """

    def __init__(
        self,
        problem: Problem,
        epochs: Epochs,
        clock: Clock,
        state: State,
        workers: int,
    ) -> None:
        """Begins where the run stands.

        Args:
          problem: whose metrics the sums make.
          epochs: how many rows steps have.
          clock: that counts the seconds.
          state: holds the step, and the sums since the last train line.
          workers: of the job.
        """
        self._problem, self._epochs = problem, epochs
        self._clock, self._state = clock, state
        self.examples = self.steps = 0
        self._bar_sums, self._bar_examples = np.zeros(0), 0
        self._worker_secs, self._timed_steps = np.zeros(workers), 0
        self._since_chunk, self._since_line = Since(), Since()

    def add_secs(self, own_secs: np.ndarray, steps: int) -> dict[str, float]:
        """Takes in the time of the chunk that has just ended.

        Args:
          own_secs: float32 [workers], what each one's replicas spent on their
            own work; [0] for a single replica.
          steps: of the chunk.

        Returns:
          Seconds of "train" and "input_wait" in it; {} of the first chunk,
          which compiles, and tells nothing of speed.
        """
        names = ("train", "input_wait")
        spent = self._since_chunk.take({n: self._clock.of(n) for n in names})
        if not spent["train"]:
            return {}
        self._worker_secs += own_secs if own_secs.size else 0
        self._timed_steps += steps
        return spent

    def add(self, sums: np.ndarray) -> None:
        """Takes in the rows of a chunk that ends where the run stands.

        Args:
          sums: float32 [steps, sums], in the order of `Problem.sum_names`.

        Raises:
          DivergedError: a step's loss is not finite.
        """
        state = self._state
        first = state.step - len(sums)
        finite = np.isfinite(sums[:, 0])
        if not finite.all():
            bad = first + int(np.argmin(finite)) + 1
            raise DivergedError(
                f"the loss is not finite at step {bad} (steps {first + 1} to"
                f" {state.step}); {REMEDY}"
            )
        examples = self._epochs.examples_of(first, state.step)
        added = sums.astype(np.float64).sum(axis=0)
        self.examples += examples
        self.steps += len(sums)
        self._bar_examples += examples
        self._bar_sums = added + (self._bar_sums if self._bar_sums.size else 0)
        state.examples += examples
        state.sums = (added + (state.sums or 0.0)).tolist()

    def bar_values(self) -> dict[str, float]:
        """Returns the metrics of the rows since the bar began."""
        return self._values(self._bar_sums.tolist(), self._bar_examples)

    def begin_bar(self) -> None:
        self._bar_sums, self._bar_examples = np.zeros(0), 0

    def take_metrics(self) -> dict[str, float]:
        """Returns a train line's metrics, and begins the next line's."""
        state = self._state
        values = self._values(state.sums, state.examples)
        state.sums, state.examples = [], 0
        return values

    def take_speed(self) -> tuple[dict[str, float], dict[str, float]]:
        """Returns a train line's speed, and begins the next line's.

        Returns:
          Of the steps since the last train line: the speed, which is not
          known where the process stood still and its clock with it; and
          "worker_secs/INDEX", each worker's own work a step.
        """
        grown = self._since_line.take(
            {
                "examples": self.examples,
                "steps": self.steps,
                "secs": self._clock.train_secs,
                "wait": self._clock.of("input_wait"),
            }
        )
        secs, steps = grown["secs"], grown["steps"]
        speed = {}
        if secs > 0:
            speed = {
                "examples_per_sec": grown["examples"] / secs,
                "step_secs": secs / steps,
                "input_wait_share": grown["wait"] / secs,
            }
        own = {
            f"worker_secs/{i}": own_secs / self._timed_steps
            for i, own_secs in enumerate(self._worker_secs.tolist())
            if own_secs
        }
        self._worker_secs[:], self._timed_steps = 0, 0
        return speed, own

    def _values(self, sums: list[float], examples: int) -> dict[str, float]:
        names = self._problem.sum_names
        named = dict(zip(names, sums, strict=True))
        return self._problem.values(named, examples)
