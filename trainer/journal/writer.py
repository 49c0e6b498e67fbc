"""What a writer may be told of a run; one that says it somewhere is a file."""

import dataclasses
from collections.abc import Callable
from typing import Any
from typing import NamedTuple
from typing import TYPE_CHECKING

from trainer.config import Config
from trainer.input.epochs import Epochs
from trainer.problem.problem import Problem
from trainer.process import clock
from trainer.sources import Dataset
from trainer.workdir.folder import Workdir

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

    from trainer.model.network import Network

# Stands before the names of the final scores.
FINAL = "final"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """The run that is told of.

    Attributes:
      config: of the run.
      dataset: that it is trained on.
      network: that is trained.
      workdir: to write to.
      epochs: how its steps fall into epochs.
      first_step: that this process goes on from; 0 for a new run.
      bar_steps: between the ends of two bars of progress.
      restarts: starts of the run before this one.
      identity: the same for all starts of the run, and no other's.
    """

    config: Config
    dataset: Dataset
    network: "Network"
    workdir: Workdir
    epochs: Epochs
    first_step: int
    bar_steps: int
    restarts: int = 0
    identity: str = ""


@dataclasses.dataclass(frozen=True)
class Line:
    """What metrics.jsonl says in a line.

    Attributes:
      step: global steps done.
      epoch: that the step belongs to, from 1.
      split: whose rows were scored.
      values: loss and metrics.
      extra: of "train", the rate, the speed and the memory.
      secs: wall time of the run by category, restarts included.
    """

    step: int
    epoch: int
    split: str
    values: dict[str, float]
    extra: dict[str, float]
    secs: dict[str, float]

    @property
    def run_secs(self) -> float:
        """Seconds that the run has worked."""
        return clock.worked(self.secs)


class Ending(NamedTuple):
    """What is told of a run's end.

    Attributes:
      result: what result.json holds.
      step_secs: mean seconds of a training step in this process.
      stopped_early: whether patience ran out.
    """

    result: dict[str, Any]
    step_secs: float
    stopped_early: bool

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """The final {split: {metric: value}}: the chosen weights'.

        A line of the step where the run ends is of the last weights.
        """
        return {
            split: {k: v for k, v in values.items() if k != "examples"}
            for split, values in self.result["evaluation"].items()
        }

    @property
    def named_scores(self) -> dict[str, float]:
        """The same by names such as "test/loss"."""
        return {
            f"{split}/{name}": value
            for split, values in self.scores.items()
            for name, value in values.items()
        }


class Writer:
    """Tells of a run in one place; each event does nothing until it is said.

    A writer is made from a Subject, before the first event.
    """

    def introduce(self) -> None:
        """Training is about to begin."""

    def begin_chunk(self, step: int) -> None:
        """A chunk of steps begins after `step` of them."""

    def preview(
        self,
        step: int,
        norms: dict[str, float],
        tensors: "dict[str, tf.Tensor]",
    ) -> None:
        """A step's effect was tried.

        Args:
          step: that was tried.
          norms: of gradient, weights and update, by tag.
          tensors: by tag; those that histograms are due of.
        """

    def alert(self, step: int, words: str) -> None:
        """Something goes wrong, as `words` say: its name first."""

    def is_new(self, line: Line) -> bool:
        """Returns whether a line may be told: no writer hears it otherwise."""
        return True

    def line(self, line: Line) -> None:
        """A split was scored, or it is time for a line on training."""

    def outputs(
        self, split: str, step: int, outputs: "np.ndarray", problem: Problem
    ) -> None:
        """A split was scored, and these are its rows' outputs.

        Args:
          split: its name.
          step: global steps done.
          outputs: float32 [rows, outputs]: probabilities, or values in the
            target's own units.
          problem: that they were scored by; at the end what was fitted on
            validation rows is in it, and not in that of the Subject.
        """

    def progress(
        self, step: int, values: dict[str, float], *, is_last: bool
    ) -> None:
        """A chunk of steps has ended.

        Args:
          step: global steps done.
          values: means since the bar began, and the scores at an epoch's end.
          is_last: whether the bar ends here.
        """

    def goodput(self, step: int, secs: dict[str, float]) -> None:
        """A checkpoint is about to be saved.

        Args:
          step: global steps done.
          secs: wall time by category, restarts included.
        """

    def sync(self) -> None:
        """What was told so far must last."""

    def saved(self, step: int, secs: float) -> None:
        """A checkpoint is whole; told by the thread that wrote it.

        Args:
          step: that it is of.
          secs: that the writing took.
        """

    def stop(self) -> None:
        """No step is taken any more."""

    def mistakes(
        self, split: str, step: int, find: Callable[[], dict[str, Any]]
    ) -> None:
        """The last split has its final score.

        Args:
          split: its name.
          step: global steps done.
          find: returns what `problem.mistakes` finds in it; the first to call
            it waits, since it takes a while.
        """

    def end(self, told: Ending) -> None:
        """The result stands."""

    def close(self) -> None:
        """Nothing is told any more, whether or not the run came to its end."""
