"""Which runs of several train as one program; no TensorFlow."""

import dataclasses
from collections.abc import Hashable
from collections.abc import Iterable

from trainer.config import stacking
from trainer.train.job import Work


def groups_of(works: Iterable[Work]) -> list[list[Work]]:
    """Parts runs into groups of one shape, in their order.

    A group of one has none beside it, or a config that trains alone.
    """
    groups: dict[Hashable, list[Work]] = {}
    for place, work in enumerate(works):
        is_alone = stacking.field_alone(work.config) is not None
        key = place if is_alone else _shape_of(work)
        groups.setdefault(key, []).append(work)
    return list(groups.values())


def _shape_of(work: Work) -> Hashable:
    """Returns what must be the same in a group; the data's part, too."""
    train, epochs = work.dataset.splits["train"], work.epochs
    return (
        stacking.shape_of(work.config),
        (epochs.steps_per_epoch, epochs.total_steps),
        (train.x.shape[1:], train.x.dtype, train.y.shape[1:], train.y.dtype),
        train.weights is None,
        # Each network's own targets are made before the program begins.
        dataclasses.replace(
            work.problem, target_mean=None, target_std=None, target_center=None
        ),
    )
