"""What a step does with the gradient over the global batch."""

from collections.abc import Callable

import keras
import tensorflow as tf

from trainer.model.network import Network
from trainer.steps.options import StepOptions


def update_of(network: Network, options: StepOptions) -> Callable:
    """Makes what a step does with the gradient over the global batch."""

    def update(gradients: list[tf.Tensor]) -> None:
        step = tf.cast(network.optimizer.iterations.value, tf.float32)
        take_step(network, options, gradients)
        if network.average is not None:
            tf.distribute.get_replica_context().merge_call(
                _move_average, args=(network, decay_of(options, step))
            )

    return update


def take_step(
    network: Network, options: StepOptions, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Changes the weights by the gradient over the global batch.

    Returns:
      The gradient that was meant: the penalty's added, nothing clipped.
    """
    gradients = _regularized(network.model, gradients)
    taken, clip_norm = gradients, options.optimizer.clip_norm
    if clip_norm:
        taken, _ = tf.clip_by_global_norm(gradients, clip_norm)
    network.optimizer.apply(taken, network.model.trainable_variables)
    return gradients


def decay_of(options: StepOptions, step: tf.Tensor) -> tf.Tensor:
    """Returns the moving average's decay at a step; it warms up."""
    most = options.optimizer.ema_decay
    return tf.minimum(most, (1 + step) / (10 + step))


def _regularized(
    model: keras.Model, gradients: list[tf.Tensor]
) -> list[tf.Tensor]:
    """Adds the penalty's gradient: once a global step, after the reduction."""
    weights = [v.value for v in model.trainable_variables]
    with tf.GradientTape() as tape:
        tape.watch(weights)
        penalties = [
            v.regularizer(v) for v in model.trainable_variables if v.regularizer
        ]
        penalty = tf.add_n(penalties) if penalties else None
    if penalty is None:
        return gradients
    extra = tape.gradient(penalty, weights)
    return [
        g if e is None else g + e for g, e in zip(gradients, extra, strict=True)
    ]


def _move_average(
    strategy: tf.distribute.Strategy, network: Network, decay: tf.Tensor
) -> None:
    """Adds (1 - decay) * (weight - mean); called across replicas."""
    assert network.average is not None
    for mean, weight in zip(
        network.average.weights, network.model.weights, strict=True
    ):
        strategy.extended.update(
            mean.value,
            lambda m, w, d: m.assign_add((1 - d) * (w - m)),
            args=(weight.value, decay),
            group=False,
        )
