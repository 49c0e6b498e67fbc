"""What a run works on, and where it stands."""

import dataclasses
from typing import TYPE_CHECKING

from trainer.cluster.place import Cluster
from trainer.config import Config
from trainer.journal.display import Display
from trainer.problem.problems import Problem
from trainer.sources import Dataset
from trainer.workdir.folder import Workdir

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
    """What there is to do, settled before TensorFlow is imported.

    Attributes:
      config: validated.
      problem: settled for the dataset.
      dataset: its labels as `problems.settle` left them.
      fingerprint: of the data.
      workdir: held by this process where it is the chief.
      place: of this process in the job.
      init_from: workdir of a run whose weights a new run begins with.
      display: how the terminal is told.
      profile_steps: (first, last) of the steps to trace, or None.
    """

    config: Config
    problem: Problem
    dataset: Dataset
    fingerprint: str
    workdir: Workdir
    place: Cluster = dataclasses.field(default_factory=Cluster)
    init_from: str | None = None
    display: Display = dataclasses.field(default_factory=Display)
    profile_steps: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job(Work):
    """Work, and the strategy that it runs on.

    Attributes:
      strategy: that the job runs on.
      strategy_name: one of `choice.STRATEGIES`.
      last_alive_unix_secs: when the process that held the workdir before this
        one last was seen alive; None where there was none.
    """

    strategy: "tf.distribute.Strategy"
    strategy_name: str = "default"
    last_alive_unix_secs: float | None = None

    @property
    def topology(self) -> dict[str, str | int]:
        """The part of a result that says what the job ran on."""
        return {
            "strategy": self.strategy_name,
            "replicas": self.strategy.num_replicas_in_sync,
            "workers": self.place.workers,
        }

    @property
    def steps_per_epoch(self) -> int:
        examples = self.dataset.splits["train"].examples
        return -(-examples // self.config.global_batch_size)

    @property
    def total_steps(self) -> int:
        epochs = self.config.epochs or 0
        return self.config.steps or epochs * self.steps_per_epoch

    def examples_of(self, first: int, last: int) -> int:
        """Counts the training rows of steps [first, last) of one epoch."""
        batch_size = self.config.global_batch_size
        begin = first % self.steps_per_epoch * batch_size
        end = begin + (last - first) * batch_size
        return min(end, self.dataset.splits["train"].examples) - begin


@dataclasses.dataclass
class State:
    """What a checkpoint holds beside the arrays; all of it is JSON.

    Attributes:
      step: global steps done.
      sums: `metrics.sum_names` of the rows since the last train line.
      examples: how many rows those were.
      best, best_step: value and step of the best `select_by` so far.
      worse: evaluations since then.
      stopped_early: whether `patience` has run out.
      saved_unix_secs: when this state was taken for a checkpoint.
      goodput: seconds by category until then, over all starts.
    """

    step: int = 0
    sums: list[float] = dataclasses.field(default_factory=list)
    examples: int = 0
    best: float | None = None
    best_step: int | None = None
    worse: int = 0
    stopped_early: bool = False
    saved_unix_secs: float | None = None
    goodput: dict[str, float] = dataclasses.field(default_factory=dict)
