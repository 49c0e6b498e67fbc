"""Random words: TensorFlow's own, whoever draws them."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.model import chance
from trainer.model import philox


def drawn(seed, place, rows, width, step, first_row, *, is_compiled):
    @tf.function(jit_compile=is_compiled)
    def call(step, first_row):
        with chance.chance(seed, step, first_row, is_compiled=is_compiled):
            return chance.random_bits(place, rows, width)

    return call(tf.constant(step, tf.int64), tf.constant(first_row)).numpy()


@pytest.mark.parametrize("width", [1, 4, 10, 1568])
@pytest.mark.parametrize(
    ("seed", "place", "step", "first_row"),
    [
        (0, 0, 0, 0),
        (42, -2, 7, 96),
        (2**31 - 1, 3, 2**40 + 5, 2**31 - 64),
    ],
)
def test_compiled_or_not_the_words_are_the_same(
    seed, place, step, first_row, width
):
    asked = seed, place, 5, width, step, first_row
    plain = drawn(*asked, is_compiled=False)
    assert plain.dtype == np.uint32
    np.testing.assert_array_equal(drawn(*asked, is_compiled=True), plain)


def test_compiled_draws_are_not_those_of_tensorflow(monkeypatch):
    """XLA's own take eight times as long: see `philox`."""

    def zeros(key, start, step, shape):
        return tf.zeros(shape, tf.uint32)

    monkeypatch.setattr(philox, "words", zeros)
    asked = 42, 1, 5, 10, 7, 0
    assert not drawn(*asked, is_compiled=True).any()
    assert drawn(*asked, is_compiled=False).any()
