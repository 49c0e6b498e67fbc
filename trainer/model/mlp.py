"""The multilayer perceptron, as a Keras model."""

import random
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from trainer.config import ModelConfig
from trainer.model.chance import random_bits
from trainer.problem.problem import Problem


class StatelessDropout(keras.layers.Layer):
    """Dropout (Srivastava et al. 2014) that keeps no state.

    Keras's own draws from a counter that no checkpoint holds and that mirrored
    replicas share; this one draws from `random_bits`.
    """

    def __init__(self, rate: float, place: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Bits below it are of outputs that are dropped.
        self.threshold = threshold_of(rate)
        self.kept_share = 1 - rate
        self.place = place

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        rows, width = tf.shape(inputs)[0], inputs.shape[-1]
        if inputs.shape[0] is not None:
            rows = inputs.shape[0]
        bits = random_bits(self.place, rows, width)
        threshold = tf.convert_to_tensor(self.threshold, tf.uint32)
        kept = inputs / tf.cast(self.kept_share, inputs.dtype)
        return tf.where(bits >= threshold, kept, tf.zeros_like(inputs))


def threshold_of(rate: float) -> int:
    """Returns the part of 2**32 that a share is."""
    return int(rate * 2**32)


def build(
    config: ModelConfig,
    problem: Problem,
    features: int,
    *,
    seed: int,
    precision: str = "float32",
    portable: bool = False,
) -> keras.Model:
    """Builds the network, its weights drawn from `seed`.

    A plain stack is a `keras.Sequential`; with skip connections it is built
    through the functional API.

    Args:
      config: widths, activation and the rest.
      problem: the last layer's units and activation.
      features: columns of the normalised input, float32 [rows, features].
      seed: of the initial weights.
      precision: "bfloat16" computes hidden layers in bfloat16 on float32
        weights; the last layer is always float32.
      portable: use Keras's own dropout, so that a saved file opens without
        Strata. For saving, not for training.

    Returns:
      A model of output float32 [rows, outputs], the last activation applied.
    """
    seeds = _seeds(seed)
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    groups = [
        _hidden(config, units, place, policy, portable, seeds)
        for place, units in enumerate(config.hidden_units)
    ]
    last = keras.layers.Dense(
        problem.outputs,
        activation=problem.activation,
        kernel_initializer=_initializer("glorot_uniform", seeds),
        kernel_regularizer=_penalty(config),
        dtype="float32",
        name="outputs",
    )
    inputs = keras.Input((features,), name="inputs")
    if not config.skip_connections:
        layers = [layer for group in groups for layer in group]
        return keras.Sequential([inputs, *layers, last], name="mlp")
    hidden = inputs
    for place, group in enumerate(groups):
        hidden = _skip(config, hidden, group, place, policy, seeds)
    return keras.Model(inputs, last(hidden), name="mlp")


def _seeds(seed: int) -> Iterator[int]:
    """Yields the seeds of layers, as Keras draws them of a process's seed.

    The process's own random numbers are left to those who draw from them.
    """
    numbers = random.Random(seed)
    while True:
        yield numbers.randint(1, 10**9)


def _initializer(name: str, seeds: Iterator[int]) -> keras.Initializer:
    return keras.initializers.get(
        {"class_name": name, "config": {"seed": next(seeds)}}
    )


def _penalty(config: ModelConfig) -> keras.Regularizer | None:
    return keras.regularizers.L2(config.l2) if config.l2 else None


def _dense(
    config: ModelConfig,
    units: int,
    policy: str,
    name: str,
    seeds: Iterator[int],
    **kwargs: Any,
) -> keras.layers.Dense:
    return keras.layers.Dense(
        units,
        kernel_initializer=_initializer(config.kernel_initializer, seeds),
        kernel_regularizer=_penalty(config),
        dtype=policy,
        name=name,
        **kwargs,
    )


def _hidden(
    config: ModelConfig,
    units: int,
    place: int,
    policy: str,
    portable: bool,
    seeds: Iterator[int],
) -> list[keras.layers.Layer]:
    """The layers of one hidden step: dense, norm, activation, dropout."""
    name = f"hidden_{place}"
    leaky = config.activation == "leaky_relu"
    plain = not config.layer_normalization and not leaky
    layers: list[keras.layers.Layer] = [
        _dense(
            config,
            units,
            policy,
            name,
            seeds,
            activation=config.activation if plain else None,
        )
    ]
    if config.layer_normalization:
        layers.append(
            keras.layers.LayerNormalization(dtype=policy, name=f"{name}_norm")
        )
    if leaky:
        layers.append(
            keras.layers.LeakyReLU(
                negative_slope=config.leaky_relu_slope,
                dtype=policy,
                name=f"{name}_activation",
            )
        )
    elif not plain:
        layers.append(
            keras.layers.Activation(
                config.activation, dtype=policy, name=f"{name}_activation"
            )
        )
    if config.dropout:
        dropout = (
            keras.layers.Dropout(config.dropout, seed=next(seeds), dtype=policy)
            if portable
            else StatelessDropout(config.dropout, place, dtype=policy)
        )
        layers.append(dropout)
    return layers


def _skip(
    config: ModelConfig,
    inputs: keras.KerasTensor,
    group: list[keras.layers.Layer],
    place: int,
    policy: str,
    seeds: Iterator[int],
) -> keras.KerasTensor:
    """The group's output plus its input, projected where the widths differ."""
    outputs = inputs
    for layer in group:
        outputs = layer(outputs)
    units = outputs.shape[-1]
    if inputs.shape[-1] != units:
        inputs = _dense(
            config, units, policy, f"hidden_{place}_skip", seeds, use_bias=False
        )(inputs)
    return keras.layers.Add(dtype=policy, name=f"hidden_{place}_add")(
        [inputs, outputs]
    )
