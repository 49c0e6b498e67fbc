"""The multilayer perceptron, as a Keras model."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator

import keras
import tensorflow as tf

from trainer.config import ModelConfig
from trainer.problems import Problem

_PHILOX = 1


@dataclasses.dataclass(frozen=True)
class Chance:
    """What randomness within a step may depend on."""

    seed: int
    step: tf.Tensor
    first_row: tf.Tensor


_chance: contextvars.ContextVar[Chance] = contextvars.ContextVar("chance")


@contextlib.contextmanager
def chance(seed: int, step: tf.Tensor, first_row: tf.Tensor) -> Iterator[None]:
    """Sets what the model's dropout draws from while it is called.

    Args:
      seed: the config's.
      step: int64 scalar, the global step.
      first_row: int32 scalar, place in the global batch of the first row that
        the model is called on; the others follow it.
    """
    token = _chance.set(Chance(seed, step, first_row))
    try:
        yield
    finally:
        _chance.reset(token)


def random_bits(place: int, rows: tf.Tensor | int, width: int) -> tf.Tensor:
    """Draws bits that depend on (seed, step, place, row of the global batch).

    Rows are consecutive stretches of one Philox stream (Salmon et al. 2011), a
    counter-based generator: any replica starts it at its own first row, and on
    every topology, compiled by XLA or not, a row gets the same bits.

    Args:
      place: tells apart the draws within a step.
      rows: how many rows, from the context's first row on.
      width: bits of 32 a row.

    Returns:
      uint32 [rows, width].

    Raises:
      LookupError: outside of `chance`.
    """
    now = _chance.get()
    blocks = -(-width // 4)  # a Philox block holds four words
    # Seed and place are the key, step and row the counter: Philox itself mixes
    # them. TensorFlow's own folding of seeds takes another generator in XLA.
    key = tf.constant([now.seed << 32 | place % 2**32], tf.uint64)
    start = tf.cast(now.first_row, tf.uint64) * tf.constant(blocks, tf.uint64)
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[rows, 4 * blocks],
        key=key,
        counter=tf.stack([start, tf.cast(now.step, tf.uint64)]),
        alg=_PHILOX,
        dtype=tf.uint32,
    )
    return bits[:, :width]


class StatelessDropout(keras.layers.Layer):
    """Dropout (Srivastava et al. 2014) that keeps no state.

    Keras's own draws from a counter that no checkpoint holds and that mirrored
    replicas share; this one draws from `random_bits`.
    """

    def __init__(self, rate: float, place: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.place = place

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        rows, width = tf.shape(inputs)[0], inputs.shape[-1]
        if inputs.shape[0] is not None:
            rows = inputs.shape[0]
        bits = random_bits(self.place, rows, width)
        threshold = tf.constant(int(self.rate * 2**32), tf.uint32)
        kept = inputs / tf.cast(1 - self.rate, inputs.dtype)
        return tf.where(bits >= threshold, kept, tf.zeros_like(inputs))


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
    keras.utils.set_random_seed(seed)
    policy = "mixed_bfloat16" if precision == "bfloat16" else "float32"
    groups = [
        _hidden(config, units, place, policy, portable)
        for place, units in enumerate(config.hidden_units)
    ]
    last = keras.layers.Dense(
        problem.outputs,
        activation=problem.activation,
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
        hidden = _skip(config, hidden, group, place, policy)
    return keras.Model(inputs, last(hidden), name="mlp")


def _penalty(config: ModelConfig) -> keras.Regularizer | None:
    return keras.regularizers.L2(config.l2) if config.l2 else None


def _dense(
    config: ModelConfig, units: int, policy: str, name: str, **kwargs
) -> keras.layers.Dense:
    return keras.layers.Dense(
        units,
        kernel_initializer=config.kernel_initializer,
        kernel_regularizer=_penalty(config),
        dtype=policy,
        name=name,
        **kwargs,
    )


def _hidden(
    config: ModelConfig, units: int, place: int, policy: str, portable: bool
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
            keras.layers.Dropout(config.dropout, dtype=policy)
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
) -> keras.KerasTensor:
    """The group's output plus its input, projected where the widths differ."""
    outputs = inputs
    for layer in group:
        outputs = layer(outputs)
    units = outputs.shape[-1]
    if inputs.shape[-1] != units:
        inputs = _dense(
            config, units, policy, f"hidden_{place}_skip", use_bias=False
        )(inputs)
    return keras.layers.Add(dtype=policy, name=f"hidden_{place}_add")(
        [inputs, outputs]
    )
