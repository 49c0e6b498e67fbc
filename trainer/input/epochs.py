"""How a run's steps fall into epochs; no TensorFlow."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Epochs:
    """The steps of a run, counted from 1; the last of an epoch is partial.

    Attributes:
      examples: rows of an epoch.
      global_batch_size: rows of a step, over all replicas.
      total_steps: at which the run ends.
    """

    examples: int
    global_batch_size: int
    total_steps: int

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.examples // self.global_batch_size)

    @property
    def count(self) -> int:
        """How many epochs are begun."""
        return -(-self.total_steps // self.steps_per_epoch)

    def epoch_of(self, step: int) -> int:
        """Returns the epoch that a step belongs to, from 1."""
        return max(0, step - 1) // self.steps_per_epoch + 1

    def is_epoch_end(self, step: int) -> bool:
        return step % self.steps_per_epoch == 0

    def examples_of(self, first: int, last: int) -> int:
        """Counts the rows of the steps that follow `first`, up to `last`.

        Both lie in one epoch.
        """
        batch_size = self.global_batch_size
        begin = first % self.steps_per_epoch * batch_size
        return min(begin + (last - first) * batch_size, self.examples) - begin
