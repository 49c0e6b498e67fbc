"""The gradient and the sums of some rows of a global batch."""

from collections.abc import Callable

import tensorflow as tf

from trainer.model.augmentation import augment
from trainer.model.chance import chance
from trainer.model.network import Network
from trainer.steps.options import StepOptions


def share_of(
    network: Network,
    x: tf.Tensor,
    y: tf.Tensor,
    is_real: tf.Tensor,
    examples: tf.Tensor,
    weight: tf.Tensor | None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what some rows add to a step's loss, and to its sums.

    Args:
      network: that learns.
      x: float32 [rows, features], normalised.
      y: targets of the rows, as `Problem.targets` returns them.
      is_real: float32 [rows], 0 for padding and else 1.
      examples: int32 scalar, the rows of the global batch.
      weight: float32 [rows], what each counts in the loss; None for 1.
    """
    problem = network.problem
    p = network.model(x, training=True)
    losses = problem.row_losses(y, p)
    if weight is not None:
        losses = losses * weight
    # Divided by the rows of the global batch, known beforehand, so that
    # replicas and micro-batches need only be added.
    share = tf.reduce_sum(losses * is_real) / tf.cast(examples, tf.float32)
    return share, problem.step_sums(y, p, losses, is_real)


def gradient_of(network: Network, options: StepOptions) -> Callable:
    """Makes one replica's part of a step: the gradient and sums of its rows."""
    of_rows = _of_rows(network, options)
    micro_batches = options.optimizer.accumulation_steps
    if micro_batches == 1:
        return of_rows
    variables = [v.value for v in network.model.trainable_variables]
    width = len(network.problem.sum_names)

    def gradient(x, y, examples, first_row, step, weight=None):
        rows = x.shape[0] // micro_batches

        def parts_of(values):
            return tf.reshape(values, [micro_batches, rows, *values.shape[1:]])

        parts_x, parts_y = parts_of(x), parts_of(y)
        parts_weight = None if weight is None else parts_of(weight)
        added = [tf.zeros_like(v) for v in variables]
        sums = tf.zeros([width])

        def body(i, added, sums):
            more, more_sums = of_rows(
                parts_x[i],
                parts_y[i],
                examples,
                first_row + i * rows,
                step,
                None if parts_weight is None else parts_weight[i],
            )
            added = [a + m for a, m in zip(added, more, strict=True)]
            return i + 1, added, sums + more_sums

        _, added, sums = tf.while_loop(
            lambda i, *_: i < micro_batches,
            body,
            [tf.constant(0), added, sums],
        )
        return added, sums

    return gradient


def _of_rows(network: Network, options: StepOptions) -> Callable:
    """Makes the gradient and the sums of rows that are worked off at once."""
    variables = [v.value for v in network.model.trainable_variables]
    problem = network.problem
    is_compiled = options.compiled == "step"

    def distort(x, first_row, step, progress):
        with chance(
            options.seed,
            step,
            first_row,
            is_compiled=options.compiled != "none",
        ):
            return augment(options.augmentation, x, progress)

    if options.compiled == "parts" and options.augmentation.distorts:
        distort = tf.function(distort, jit_compile=True, autograph=False)

    def of_rows(x, y, examples, first_row, step, weight=None):
        y = problem.targets(y)
        row = first_row + tf.range(x.shape[0])
        is_real = tf.cast(row < examples, tf.float32)
        progress = tf.cast(step, tf.float32) / options.total_steps
        x = network.normalization(distort(x, first_row, step, progress))
        with (
            chance(options.seed, step, first_row, is_compiled=is_compiled),
            tf.GradientTape() as tape,
        ):
            share, sums = share_of(network, x, y, is_real, examples, weight)
        return tape.gradient(share, variables), sums

    return of_rows
