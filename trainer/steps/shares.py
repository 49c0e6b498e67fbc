"""A step by shares: the same bits, whatever the replicas that work it off.

Each share's gradient comes from one program of one shape, and the shares are
added by one tree. A replica adds what of the tree lies with it alone, and puts
it in its own slots of an array of zeros: the sum of all replicas' arrays is
exact in any order, so the one collective of a step needs none. Each replica
then adds the slots by the rest of the tree.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from trainer.input import parting as parting_lib
from trainer.input.parting import Parting
from trainer.input.parting import Stretch


class Shares:
    """Works off the shares of a replica, and adds those of all."""

    def __init__(
        self,
        parting: Parting,
        gradient: Callable,
        shapes: list[tf.TensorShape],
        *,
        is_compiled: bool,
    ) -> None:
        """Compiles nothing yet.

        Args:
          parting: who works off which share.
          gradient: of a share's rows, as `gradient_of` makes it.
          shapes: of what it returns, the sums last.
          is_compiled: whether XLA compiles the additions.
        """
        self._parting, self._gradient = parting, gradient
        self._shapes = shapes
        self._add_up = _add_up
        if is_compiled:
            self._add_up = tf.function(
                _add_up, jit_compile=True, autograph=False
            )

    def own(
        self,
        x: tf.Tensor,
        y: tf.Tensor,
        examples: tf.Tensor,
        first_row: tf.Tensor,
        step: tf.Tensor,
        weight: tf.Tensor | None = None,
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Works off a replica's shares.

        Args: as `gradient_of`'s, of `parting.most` shares' rows.

        Returns:
          What is to be added over replicas, and then handed to `whole`.
        """
        replica = replica_index()
        rows = x.shape[0] // self._parting.most
        found: dict[Stretch, list[tf.Tensor]] = {}
        for place, share in enumerate(self._parting.of(replica)):
            cut = slice(place * rows, (place + 1) * rows)
            gradients, sums = self._gradient(
                x[cut],
                y[cut],
                examples,
                first_row + place * rows,
                step,
                None if weight is None else weight[cut],
            )
            found[share, share + 1] = [*gradients, sums]
        if self._parting.replicas == 1:
            *gradients, sums = self._tree(found, (0, self._parting.shares))
            return gradients, sums
        told = self._parting.told()
        own = {s: self._tree(found, s) for s in self._parting.told_by(replica)}
        *slots, sums = (
            in_slots(
                [own[s][i] if s in own else None for s in told],
                shape,
            )
            for i, shape in enumerate(self._shapes)
        )
        return slots, tf.reshape(sums, [-1])

    def whole(
        self, slots: list[tf.Tensor], sums: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Adds what `own` returned, once all replicas' is added to it.

        Returns:
          The gradient and the sums of the global batch.
        """
        if self._parting.replicas == 1:
            return slots, without_signs_of_zero([sums])[0]
        told = self._parting.told()
        slots = [*slots, tf.reshape(sums, [len(told), -1])]
        found = {s: [slot[i] for slot in slots] for i, s in enumerate(told)}
        *gradients, sums = self._tree(found, (0, self._parting.shares))
        return gradients, without_signs_of_zero([sums])[0]

    def _tree(
        self, found: dict[Stretch, list[tf.Tensor]], stretch: Stretch
    ) -> list[tf.Tensor]:
        within = {
            s: v
            for s, v in found.items()
            if stretch[0] <= s[0] and s[1] <= stretch[1]
        }
        if stretch in within:
            return within[stretch]
        return self._add_up(list(within.values()), tuple(within), stretch)


def scoring_by_shares(parting: Parting, score: Callable) -> Callable:
    """Makes the scoring of a batch by shares.

    Args:
      parting: who works off which share.
      score: from x, y, examples and first_row of a share to its sums, its
        counts and its outputs.

    Returns:
      A function from those of a replica to those of the batch, all rows'
      outputs in their order.
    """
    score = apart(score)

    def of_replica(
        x: tf.Tensor, y: tf.Tensor, examples: tf.Tensor, first_row: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        rows = x.shape[0] // parting.most
        found: list[tuple | None] = [None] * parting.shares
        for place, share in enumerate(parting.of(replica_index())):
            cut = slice(place * rows, (place + 1) * rows)
            found[share] = score(
                x[cut], y[cut], examples, first_row + place * rows
            )
        told = [share for share in found if share is not None]
        sums, counts, p = (
            in_slots([share and share[i] for share in found], like.shape)
            for i, like in enumerate(told[0])
        )
        counts = tf.reduce_sum(counts, axis=0)  # whole numbers: in any order
        if parting.replicas > 1:
            context = tf.distribute.get_replica_context()
            sums, counts, p = context.all_reduce(
                tf.distribute.ReduceOp.SUM, [sums, counts, p]
            )
        parts = {(i, i + 1): sums[i] for i in range(parting.shares)}
        sums = parting_lib.sum_of(parts, add, 0, parting.shares)
        p = tf.reshape(p, [-1, p.shape[-1]])
        sums, p = without_signs_of_zero([sums, p])
        return sums, counts, p

    return of_replica


def _add_up(
    values: list[list[tf.Tensor]],
    stretches: tuple[Stretch, ...],
    whole: Stretch,
) -> list[tf.Tensor]:
    found = dict(zip(stretches, values, strict=True))
    return parting_lib.sum_of(found, _add, *whole)


def _add(a: Any, b: Any) -> list[tf.Tensor]:
    return [add(one, other) for one, other in zip(a, b, strict=True)]


def add(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Adds two tensors, and keeps the order of several such additions.

    TensorFlow makes a chain of `+` one sum over all, in another order.
    """
    return tf.reduce_sum(tf.stack([a, b]), axis=0)


def in_slots(
    values: list[tf.Tensor | None], shape: tf.TensorShape
) -> tf.Tensor:
    """Returns float32 [slots, *shape]; zeros where there is no value."""
    empty = tf.zeros(shape)
    return tf.stack([empty if v is None else v for v in values])


def apart(function: Callable) -> Callable:
    """Has TensorFlow optimise a function by itself.

    What it fuses, and so where bfloat16 is rounded, depends on what stands
    around; a program of its own is the same everywhere.
    """
    return tf.function(
        function,
        autograph=False,
        experimental_attributes={"_noinline": True},
    )


def replica_index() -> int:
    """Returns the number of the replica whose step is being traced."""
    context = tf.distribute.get_replica_context()
    index = tf.get_static_value(context.replica_id_in_sync_group)
    assert index is not None, "a strategy whose replicas share one program"
    return int(index)


def without_signs_of_zero(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    """Makes -0 a 0: a slot's zeros take the sign from some, and not from all.

    So do numbers below float32's normal range, which a thread may round to 0.
    """
    least = tf.constant(2.0**-126)
    return [tf.where(tf.abs(t) < least, 0.0, t) for t in tensors]
