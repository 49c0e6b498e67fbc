"""tf.data: order -> gather -> batch, for each worker; the one normalisation.

The order is a pure function of (seed, epoch, step, global batch size). Row r of
the global batch goes to replica r // replica_batch_size, whatever the replicas
are, or to share r // share_rows, where there are shares; rows past the end of
the data or of the batch are padding, of weight 0.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.input import stored_rows
from trainer.input import windows
from trainer.input.epochs import Epochs
from trainer.input.moments import row_bytes_of
from trainer.input.parting import Parting
from trainer.sources import Split
from trainer.sources.streamed_rows import StreamedRows

# A chunk that crosses to the device at once is kept below this.
MOST_CHUNK_BYTES = 64 * 2**20
_SHUFFLE_PAD = 498247692


@dataclasses.dataclass(frozen=True)
class Plan(Epochs):
    """Which rows each step takes, and where chunks of steps end.

    Attributes:
      replicas: that a step is shared by.
      micro_batches: that each replica works its rows off in.
      most_steps: of a chunk.
      seed: of the order; None keeps the stored order, for evaluation.
      cuts: a chunk also ends at every multiple of each of these steps.
      ends: and at each of these steps themselves.
      virtual_replicas: shares that a step is parted into, or None.
    """

    replicas: int
    most_steps: int
    micro_batches: int = 1
    seed: int | None = None
    cuts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    virtual_replicas: int | None = None

    @property
    def parting(self) -> Parting:
        """Who works off which shares: one a replica, where none are asked."""
        return Parting(self.virtual_replicas or self.replicas, self.replicas)

    @property
    def share_rows(self) -> int:
        """Rows of a share, padded to whole micro-batches."""
        parts = self.parting.shares * self.micro_batches
        return -(-self.global_batch_size // parts) * self.micro_batches

    @property
    def replica_batch_size(self) -> int:
        """Rows of a replica; of one with fewer shares, rows of the next's."""
        return self.parting.most * self.share_rows

    def first_row(self, replica: Any) -> Any:
        """Returns a replica's first row; int, or int64 scalar."""
        return self.parting.first(replica) * self.share_rows

    def chunk_end(self, step: Any, least: Callable = min) -> Any:
        """Returns the step at which the chunk that begins at `step` ends.

        Args:
          step: int, or int64 scalar inside tf.data.
          least: the minimum of several such numbers.
        """
        cuts = (self.steps_per_epoch, *self.cuts)
        return least(
            self.total_steps,
            step + self.most_steps,
            *((step // cut + 1) * cut for cut in cuts),
            # Once it is passed, beyond the last step.
            *(end + step // end * self.total_steps for end in self.ends),
        )


def steps_that_fit(
    split: Split, global_batch_size: int, most_steps: int, outputs: int = 0
) -> int:
    """Returns how many steps' rows stay below MOST_CHUNK_BYTES, 1 at least.

    Args:
      split: whose features, labels and weights a chunk holds.
      global_batch_size: rows of a step.
      most_steps: that are wanted.
      outputs: float32 values a row that a chunk gives back.
    """
    labels = split.y[:1].nbytes
    floats = outputs + (split.weights is not None)
    row_bytes = row_bytes_of(split) + labels + floats * np.float32().nbytes
    fitting = MOST_CHUNK_BYTES // max(1, row_bytes * global_batch_size)
    return max(1, min(most_steps, fitting))


def _least(*numbers: Any) -> tf.Tensor:
    return tf.reduce_min(tf.stack([tf.cast(n, tf.int64) for n in numbers]))


def rows_of_steps(
    plan: Plan, first_step: tf.Tensor, steps: tf.Tensor, first_row: tf.Tensor
) -> tf.Tensor:
    """Returns which examples a replica takes, int64 [steps, rows]; -1 pads.

    Args:
      plan: the split's.
      first_step: int64 scalar; all the steps lie in its epoch.
      steps: int64 scalar, how many.
      first_row: int64 scalar, the replica's first row in the global batch.
    """
    epoch = first_step // plan.steps_per_epoch
    step = first_step % plan.steps_per_epoch + tf.range(steps)
    row = first_row + tf.range(plan.replica_batch_size, dtype=tf.int64)
    position = (step * plan.global_batch_size)[:, None] + row[None, :]
    real = (row[None, :] < plan.global_batch_size) & (position < plan.examples)
    example = tf.reshape(tf.where(real, position, 0), [-1])
    if plan.seed is not None:
        # A keyed permutation of [0, examples): any position's example in O(1),
        # so that the place in the data is the step and no buffer is saved.
        example = tf.random.experimental.index_shuffle(
            example,
            seed=tf.cast(tf.stack([epoch, plan.seed]), tf.uint32),
            max_index=plan.examples - 1,
        )
    return tf.where(real, tf.reshape(example, tf.shape(position)), -1)


def _weights(split: Split) -> tf.Tensor | None:
    """Returns `split.relative_weights()`, as float32."""
    found = split.relative_weights()
    return None if found is None else tf.constant(found.astype(np.float32))


def shuffled(count: int, epochs: np.ndarray, seed: int) -> np.ndarray:
    """Returns the order in which whole epochs take their examples.

    Args:
      count: of the examples.
      epochs: int64 [epochs], their numbers.
      seed: of a run.

    Returns:
      int64 [epochs, count], that of `rows_of_steps`.
    """
    position = tf.tile(tf.range(count, dtype=tf.int64), [len(epochs)])
    # What `index_shuffle` makes of a seed; it takes no more than one.
    pad, tail = (np.full_like(epochs, n) for n in (_SHUFFLE_PAD, seed))
    seeds = np.repeat(np.stack([pad, epochs, tail], axis=1), count, axis=0)
    order = tf.raw_ops.RandomIndexShuffle(
        index=position,
        seed=tf.constant(seeds, tf.uint32),
        max_index=tf.constant(count - 1, tf.int64),
        rounds=4,
    )
    return order.numpy().reshape(len(epochs), count)


# AutoGraph would rewrite these functions, which have nothing for it to rewrite,
# and take a second of each start for it.
@tf.autograph.experimental.do_not_convert
def chunks(
    split: Split,
    plan: Plan,
    *,
    first_step: int,
    context: tf.distribute.InputContext,
    repeat: bool = False,
) -> tf.data.Dataset:
    """Makes one worker's stream of chunks, an element a local replica.

    Args:
      split: the rows, as stored.
      plan: their order.
      first_step: where to begin: 0, or the step of a checkpoint.
      context: of `distribute_datasets_from_function`.
      repeat: begin again at `first_step` for good, once all is handed out.

    Returns:
      A dataset of {"x": stored dtype [K, rows, *shape], "y": [K, rows, ...],
      "examples": int32 [K] real rows of each global batch, "first_row": int32,
      "first_step": int64, "steps": int32}, where the first `steps` of the
      K = plan.most_steps slots are used; and "weight": float32 [K, rows] where
      a split that is trained on has weights.
    """
    place = context.input_pipeline_id
    local = plan.replicas // context.num_input_pipelines
    rows = None if split.rows is None else tf.constant(split.rows)

    def index_of(
        step: tf.Tensor, steps: tf.Tensor, replica: tf.Tensor
    ) -> tf.Tensor:
        example = rows_of_steps(plan, step, steps, plan.first_row(replica))
        index = tf.reshape(tf.maximum(example, 0), [-1])
        return index if rows is None else tf.gather(rows, index)

    def numbered(
        step: tf.Tensor, steps: tf.Tensor, replica: tf.Tensor
    ) -> tuple:
        index = index_of(step, steps, replica)
        return step, steps, replica, _slots(plan, index, steps, unused=-1)

    elements = _starts(
        plan, first_step, range(local * place, local * (place + 1)), repeat
    )
    if isinstance(split.x, StreamedRows):
        chunk_rows = plan.most_steps * plan.replica_batch_size
        count = local * -(-plan.total_steps // plan.most_steps)
        sizes = windows.sizes(split.x, chunk_rows, count)
        elements = windows.read_ahead(elements.map(numbered), split.x, sizes)
    # A chunk for each replica is made while another waits. That is set, and not
    # tuned: tf.data's tuner may sleep for a minute, and where it misses its end
    # the end of the run waits for it to wake. Nor is anything rewritten: a
    # pipeline this short gains nothing by it, and each start waits for it.
    ahead = 2 * local
    as_it_stands = tf.data.Options()
    as_it_stands.autotune.enabled = False
    as_it_stands.experimental_optimization.apply_default_optimizations = False
    filled = elements.map(
        _filler(split, plan, index_of),
        num_parallel_calls=ahead,
        deterministic=True,
    )
    return filled.prefetch(ahead).with_options(as_it_stands)


def _starts(
    plan: Plan, first_step: int, replicas: range, repeat: bool
) -> tf.data.Dataset:
    """Makes a stream of (first step, steps, replica), chunk by chunk."""
    local = len(replicas)

    def next_one(step: tf.Tensor, number: tf.Tensor) -> tuple:
        place = number % local
        end = plan.chunk_end(step, _least)
        after = tf.where(place == local - 1, end, step)
        return after, (step, end - step, replicas.start + place)

    # As many as there could be, if each chunk were a step.
    numbers = tf.data.Dataset.range(plan.total_steps * local)
    starts = numbers.scan(tf.constant(first_step, tf.int64), next_one)
    starts = starts.take_while(lambda step, steps, replica: steps > 0)
    return starts.repeat() if repeat else starts


def _filler(split: Split, plan: Plan, index_of: Callable) -> Callable:
    """Makes what gathers a replica's chunk, or takes `x` as it was read.

    Args:
      split: the rows, as stored.
      plan: their order.
      index_of: from a chunk's first step, its steps and a replica to which rows
        of the split it takes, one after the other.
    """
    at_random = plan.seed is not None
    rows_x = stored_rows.gather(split.x, at_random=at_random)
    rows_y = stored_rows.gather(split.y, at_random=at_random)
    weights = _weights(split) if at_random else None

    def fill(
        step: tf.Tensor,
        steps: tf.Tensor,
        replica: tf.Tensor,
        x: tf.Tensor | None = None,
    ) -> dict:
        index = index_of(step, steps, replica)
        place = (step % plan.steps_per_epoch) + tf.range(steps)
        left = plan.examples - place * plan.global_batch_size
        padding = plan.most_steps - tf.cast(steps, tf.int32)
        examples = tf.cast(tf.minimum(left, plan.global_batch_size), tf.int32)
        weighted = {}
        if weights is not None:
            gathered = tf.gather(weights, index)
            weighted["weight"] = _slots(plan, gathered, steps)
        return {
            **weighted,
            "x": _slots(plan, rows_x(index), steps) if x is None else x,
            "y": _slots(plan, rows_y(index), steps),
            "examples": tf.ensure_shape(
                tf.pad(examples, [[0, padding]]), [plan.most_steps]
            ),
            "first_row": tf.cast(plan.first_row(replica), tf.int32),
            "first_step": step,
            "steps": tf.cast(steps, tf.int32),
        }

    return fill


def _slots(
    plan: Plan, flat: tf.Tensor, steps: tf.Tensor, unused: int = 0
) -> tf.Tensor:
    """Returns what is of each row as [slots, rows, ...], unused ones filled."""
    shape = [plan.most_steps, plan.replica_batch_size, *flat.shape[1:]]
    padding = plan.most_steps - tf.cast(steps, tf.int32)
    flat = tf.pad(
        flat,
        [[0, padding * plan.replica_batch_size]]
        + [[0, 0]] * (len(flat.shape) - 1),
        constant_values=unused,
    )
    return tf.reshape(flat, shape)


def distribute(
    strategy: tf.distribute.Strategy,
    split: Split,
    plan: Plan,
    *,
    first_step: int = 0,
    repeat: bool = False,
) -> tf.distribute.DistributedIterator:
    """Iterates over the split's chunks, each worker reading its own rows."""
    return iter(
        strategy.distribute_datasets_from_function(
            lambda context: chunks(
                split,
                plan,
                first_step=first_step,
                context=context,
                repeat=repeat,
            )
        )
    )
