"""How a step's rows are parted into shares, and who works off which.

No TensorFlow. Shares are the run's, replicas are the hardware's: each share has
the same rows on every topology, and all are added by one tree.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

# The shares from the first up to the last, which is left out.
Stretch = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Parting:
    """Shares, in their order, dealt out to replicas.

    Attributes:
      shares: that a global batch is parted into.
      replicas: each of which takes as many as another, or one more.
    """

    shares: int
    replicas: int

    @property
    def most(self) -> int:
        """The most shares that a replica takes."""
        return -(-self.shares // self.replicas)

    def first(self, replica: Any) -> Any:
        """Returns a replica's first share; int, or an integer tensor."""
        return replica * self.shares // self.replicas

    def of(self, replica: int) -> range:
        """Returns the shares that a replica takes."""
        return range(self.first(replica), self.first(replica + 1))

    def told(self) -> list[Stretch]:
        """Returns the stretches whose sums replicas tell each other, in order.

        They are the largest parts of the tree that lie with one replica.
        """
        return self._within(0, self.shares)

    def told_by(self, replica: int) -> list[Stretch]:
        """Returns those that one replica tells."""
        own = self.of(replica)
        return [s for s in self.told() if own.start <= s[0] < own.stop]

    def _within(self, first: int, last: int) -> list[Stretch]:
        if any(
            self.first(replica) <= first and last <= self.first(replica + 1)
            for replica in range(self.replicas)
        ):
            return [(first, last)]
        middle = middle_of(first, last)
        return self._within(first, middle) + self._within(middle, last)


def middle_of(first: int, last: int) -> int:
    """Returns where the tree parts a stretch of shares."""
    return (first + last + 1) // 2


def sum_of(
    parts: Mapping[Stretch, Any],
    add: Callable[[Any, Any], Any],
    first: int,
    last: int,
) -> Any:
    """Adds a stretch of shares by the tree that every topology adds by.

    Args:
      parts: values of single shares, or sums of stretches that the tree has.
      add: two values.
      first: share.
      last: share, left out.
    """
    if (first, last) in parts:
        return parts[first, last]
    middle = middle_of(first, last)
    return add(
        sum_of(parts, add, first, middle), sum_of(parts, add, middle, last)
    )
