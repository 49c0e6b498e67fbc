"""Watches a run's numbers and time, and warns where something goes wrong."""

import functools
from collections.abc import Callable

import numpy as np

from trainer.cluster.place import Cluster
from trainer.cluster.stragglers import Stragglers
from trainer.journal.alerts import Alerts
from trainer.journal.alerts import Memory
from trainer.journal.writers import Writers


class Health:
    """Tells all writers what `Alerts` finds; workers that are slow, all do."""

    def __init__(
        self,
        writers: Writers,
        place: Cluster,
        memory: Memory,
        *,
        replicas: int,
        global_batch_size: int,
        steps_per_epoch: int,
        guess_loss: Callable[[], float],
    ) -> None:
        """Goes on from what is known of the run.

        Args:
          writers: that are told.
          place: that knows the workers' names.
          memory: of what was seen and told; it is added to.
          replicas: of the job.
          global_batch_size: of the run.
          steps_per_epoch: of the run.
          guess_loss: returns the loss of the answer that looks at no row.
        """
        self._writers = writers
        self._stragglers = Stragglers(place)
        self._alerts = Alerts(memory)
        self._replicas = replicas
        self._global_batch_size = global_batch_size
        self._steps_per_epoch = steps_per_epoch
        self._guess_loss = functools.cache(guess_loss)

    def of_chunk(
        self,
        step: int,
        steps: int,
        own_secs: np.ndarray,
        spent: dict[str, float],
        traces: int,
    ) -> None:
        """Looks at a chunk that has ended.

        Args:
          step: global steps done.
          steps: of the chunk.
          own_secs: float32 [workers]; see `Accounts.add_secs`.
          spent: seconds by category; {} for those that tell nothing.
          traces: how often the training step was traced by now.
        """
        for line in self._stragglers.account(own_secs, steps):
            print(line, flush=True)
        if spent:
            lines = self._alerts.of_chunk(
                step,
                secs=spent["train"] + spent["input_wait"],
                wait_secs=spent["input_wait"],
                own_secs=float(own_secs.sum()) / self._replicas,
                global_batch_size=self._global_batch_size,
            )
            self._warn(step, lines)
        self._warn(step, self._alerts.of_traces(step, traces))

    def of_loss(self, step: int, loss: float, examples: int) -> None:
        """Looks at the mean training loss of an interval of steps.

        Args:
          step: global steps done.
          loss: of the interval.
          examples: rows that it is the mean of.
        """
        if self._alerts.is_short(examples):
            return
        self._warn(step, self._alerts.of_loss(step, loss))
        epochs = step / self._steps_per_epoch
        lines = self._alerts.of_guess(step, epochs, loss, self._guess_loss())
        self._warn(step, lines)

    def of_gradient(self, step: int, norm: float) -> None:
        """Looks at the norm of the gradient of the step that comes.

        Args:
          step: global steps done.
          norm: of the next step's gradient.
        """
        self._warn(step, self._alerts.of_gradient(step + 1, norm))

    def _warn(self, step: int, lines: list[str]) -> None:
        for line in lines:
            self._writers.alert(step, line)
