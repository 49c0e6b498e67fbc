"""What a run works on."""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainer.cluster.place import Cluster
from trainer.config import Config
from trainer.input.epochs import Epochs
from trainer.journal.display import Display
from trainer.journal.outlets import NOWHERE
from trainer.journal.outlets import Outlets
from trainer.problem.problem import Problem
from trainer.process.facts import command
from trainer.process.facts import process_age_secs
from trainer.process.moments import Moment
from trainer.sources import Dataset
from trainer.train.due import Due
from trainer.train.due import due_of
from trainer.workdir.folder import Workdir

if TYPE_CHECKING:
    import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Origin:
    """Another run, whose weights a new run begins with.

    Attributes:
      name: of its workdir, from the root on.
      workdir: the same, or its copy here.
    """

    name: str
    workdir: Workdir


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of a run, before its data and its workdir are looked at.

    Attributes:
      config: validated.
      place: of this process in the job.
      display: how the terminal is told.
      outlets: where else the run is told of.
      profile_steps: (first, last) of the steps to trace, or None.
      age_secs: tells how long ago this start of the job began: with its
        process, or by a call in one that does other work, too.
      command: that starts it, as it is noted.
    """

    config: Config
    place: Cluster = dataclasses.field(default_factory=Cluster)
    display: Display = dataclasses.field(default_factory=Display)
    outlets: Outlets = NOWHERE
    profile_steps: tuple[int, int] | None = None
    age_secs: Callable[[], float] = process_age_secs
    command: tuple[str, ...] = dataclasses.field(
        default_factory=lambda: tuple(command())
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work(Asked):
    """What there is to do, settled before TensorFlow is imported.

    Attributes:
      problem: settled for the dataset.
      dataset: its labels as `Problem.convert` left them.
      fingerprint: of the data.
      rows_sha256: of each split's rows, by its name.
      workdir: held by this process where it is the chief.
      init_from: a run whose weights this one begins with; None where it has
        checkpoints of its own.
    """

    problem: Problem
    dataset: Dataset
    fingerprint: str
    workdir: Workdir
    rows_sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)
    init_from: Origin | None = None

    @property
    def epochs(self) -> Epochs:
        """How the steps fall into epochs, and where they end."""
        config, train = self.config, self.dataset.splits["train"]
        an_epoch = Epochs(train.examples, config.global_batch_size, 0)
        epochs = config.epochs or 0
        total_steps = config.steps or epochs * an_epoch.steps_per_epoch
        return dataclasses.replace(an_epoch, total_steps=total_steps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job(Work):
    """Work, and the strategy that it runs on.

    Attributes:
      strategy: that the job runs on.
      strategy_name: one of `choice.STRATEGIES`.
      last_alive: when the process that held the workdir before this
        one last was seen alive; None where there was none.
      networks: that train in one program, this one among them.
      check_held: raises OSError where the workdir was lost meanwhile, and the
        process goes on.
    """

    strategy: "tf.distribute.Strategy"
    strategy_name: str = "default"
    last_alive: Moment | None = None
    networks: int = 1
    check_held: Callable[[], None] = lambda: None

    @property
    def topology(self) -> dict[str, str | int]:
        """The part of a result that says what the job ran on."""
        return {
            "strategy": self.strategy_name,
            "replicas": self.strategy.num_replicas_in_sync,
            "workers": self.place.workers,
            **({"networks": self.networks} if self.networks > 1 else {}),
        }

    @property
    def due(self) -> Due:
        """What is done after which steps."""
        return due_of(self.config, self.epochs, self.profile_steps)
