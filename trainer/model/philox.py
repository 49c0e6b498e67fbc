"""Philox 4x32-10, a counter-based generator, for XLA.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011). It draws
the words of TensorFlow's `StatelessRandomUniformFullIntV2`, of which XLA makes
a program for CPUs that takes some eight times as long: its four words of a
block are put together from four arrays, which nothing else can be fused with.
Here each word is worked out where it is used.
"""

import tensorflow as tf

_ROUNDS = 10
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
# By these the halves of the key grow from round to round.
_WEYL = 0x9E3779B9, 0xBB67AE85


def words(
    key: tf.Tensor, start: tf.Tensor, step: tf.Tensor, shape: list
) -> tf.Tensor:
    """Draws bits; XLA puts it into what takes them.

    Args:
      key: uint64 scalar, of the stream.
      start: uint64 scalar, the counter's lower half of the first row's first
        block of four words; each row begins with a block of its own.
      step: uint64 scalar, the counter's upper half.
      shape: rows and words of a row.

    Returns:
      uint32 of that shape.
    """
    rows, width = shape
    blocks = -(-width // 4)
    word = tf.range(width)[None]
    block = tf.range(rows)[:, None] * blocks + word // 4
    below = start + tf.cast(block, tf.uint64)
    # Two pairs of halves of the counter.
    a, b = tf.cast(below, tf.uint32), _upper(below)
    c, d = tf.cast(step, tf.uint32), _upper(step)
    halves = tf.cast(key, tf.uint32), _upper(key)
    for number in range(_ROUNDS):
        first, second = (
            half + tf.constant(number * grows % 2**32, tf.uint32)
            for half, grows in zip(halves, _WEYL, strict=True)
        )
        of_a, of_c = (
            tf.cast(each, tf.uint64) * tf.constant(by, tf.uint64)
            for each, by in zip((a, c), _MULTIPLIERS, strict=True)
        )
        a, b, c, d = (
            _xor(_xor(_upper(of_c), b), first),
            tf.cast(of_c, tf.uint32),
            _xor(_xor(_upper(of_a), d), second),
            tf.cast(of_a, tf.uint32),
        )
    place = word % 4
    return tf.where(
        place < 2, tf.where(place < 1, a, b), tf.where(place < 3, c, d)
    )


def _upper(number: tf.Tensor) -> tf.Tensor:
    """Returns the upper 32 bits of 64."""
    half = tf.constant(32, tf.uint64)
    return tf.cast(tf.bitwise.right_shift(number, half), tf.uint32)


_xor = tf.bitwise.bitwise_xor
