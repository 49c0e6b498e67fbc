"""Randomness within a step, a pure function of seed, step, place and row."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping

import tensorflow as tf

from trainer.model import philox

_PHILOX = 1


@dataclasses.dataclass(frozen=True)
class Chance:
    """What randomness within a step may depend on."""

    seed: int | tf.Variable
    step: tf.Tensor
    first_row: tf.Tensor
    is_compiled: bool


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Bits that were drawn before, uint32 [rows, width] by their place."""

    bits: Mapping[int, tf.Tensor]


_chance: contextvars.ContextVar[Chance | Drawn] = contextvars.ContextVar(
    "chance"
)


@contextlib.contextmanager
def chance(
    seed: int | tf.Variable,
    step: tf.Tensor,
    first_row: tf.Tensor,
    *,
    is_compiled: bool,
) -> Iterator[None]:
    """Sets what the model's dropout draws from while it is called.

    Args:
      seed: the config's; int64, where one program is several seeds'.
      step: int64 scalar, the global step.
      first_row: int32 scalar, place in the global batch of the first row that
        the model is called on; the others follow it.
      is_compiled: whether XLA compiles what is called. The bits are the same.
    """
    with _in_place(Chance(seed, step, first_row, is_compiled)):
        yield


@contextlib.contextmanager
def drawn(bits: Mapping[int, tf.Tensor]) -> Iterator[None]:
    """Sets what the model's dropout takes while it is called.

    Args:
      bits: by place, of the rows that the model is called on.
    """
    with _in_place(Drawn(bits)):
        yield


@contextlib.contextmanager
def _in_place(now: Chance | Drawn) -> Iterator[None]:
    token = _chance.set(now)
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
      LookupError: outside of `chance` and `drawn`.
    """
    now = _chance.get()
    if isinstance(now, Drawn):
        return now.bits[place]
    blocks = -(-width // 4)  # a Philox block holds four words
    # Seed and place are the key, step and row the counter: Philox itself mixes
    # them. TensorFlow's own folding of seeds takes another generator in XLA.
    key = tf.cast(now.seed, tf.uint64) * 2**32 + place % 2**32
    start = tf.cast(now.first_row, tf.uint64) * tf.constant(blocks, tf.uint64)
    step = tf.cast(now.step, tf.uint64)
    if now.is_compiled:
        return philox.words(key, start, step, [rows, width])
    bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
        shape=[rows, 4 * blocks],
        key=key[None],
        counter=tf.stack([start, step]),
        alg=_PHILOX,
        dtype=tf.uint32,
    )
    return bits[:, :width]
