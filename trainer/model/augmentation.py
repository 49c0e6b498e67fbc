"""Distortions of training images: turned, scaled, sheared, shifted, elastic.

They are part of the compiled step, drawn anew for each example and step from
`chance.random_bits`: a row gets the same ones on every topology, and a run that
goes on draws what it would have drawn.
"""

import math

import numpy as np
import tensorflow as tf

from trainer.config import AugmentationConfig
from trainer.model.chance import random_bits

# Beside the layers' places, which count from 0.
_AFFINE_PLACE = -1
_ELASTIC_PLACE = -2
_AFFINE_DRAWS = 6


def augment(
    config: AugmentationConfig, x: tf.Tensor, progress: tf.Tensor | float = 0.0
) -> tf.Tensor:
    """Distorts images; what comes from outside of them is 0.

    Each pixel takes the value, interpolated between four, at the place that an
    affine map and a smooth random displacement (Simard, Steinkraus & Platt
    2003) send it to.

    Args:
      config: how far.
      x: [rows, height, width] or [rows, height, width, channels], as stored.
      progress: float32 scalar, the share of the run that is done.

    Returns:
      float32 of x's shape; x itself where nothing is to be done.

    Raises:
      LookupError: outside of `chance.chance`.
    """
    if not config.distorts:
        return x
    rows, height, width = x.shape[:3]
    strength = _strength(config, progress)
    y_place, x_place = _affine_places(config, strength, rows, height, width)
    if config.elastic_alpha_pixels:
        moved = _displacements(config, rows, height, width) * strength
        y_place, x_place = y_place + moved[0], x_place + moved[1]
    images = tf.cast(tf.reshape(x, [rows, height, width, -1]), tf.float32)
    return tf.reshape(_sample(images, y_place, x_place), x.shape)


def _strength(
    config: AugmentationConfig, progress: tf.Tensor | float
) -> tf.Tensor | float:
    """Returns what all distances are multiplied by, from 1 down to 0."""
    if not config.fade_fraction:
        return 1.0
    return tf.clip_by_value((1.0 - progress) / config.fade_fraction, 0.0, 1.0)


def _uniform(place: int, rows: int, width: int) -> tf.Tensor:
    """Returns float32 [rows, width] from -1 to below 1."""
    bits = random_bits(place, rows, width)
    # The upper 24 bits: what a float32 holds.
    eight = tf.constant(8, tf.uint32)
    upper = tf.bitcast(tf.bitwise.right_shift(bits, eight), tf.int32)
    return tf.cast(upper, tf.float32) * 2.0**-23 - 1.0


def _affine_places(
    config: AugmentationConfig,
    strength: tf.Tensor | float,
    rows: int,
    height: int,
    width: int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the places that pixels take their values from.

    Two of float32 [rows, height, width]: rows of pixels, and columns.
    """
    drawn = _uniform(_AFFINE_PLACE, rows, _AFFINE_DRAWS) * strength
    turn, scale_y, scale_x, shear, shift_y, shift_x = (
        drawn[:, i, None, None] for i in range(_AFFINE_DRAWS)
    )
    angle = turn * math.radians(config.rotation_degrees)
    scale_y = 1 + scale_y * config.scale
    scale_x = 1 + scale_x * config.scale
    cos, sin = tf.cos(angle), tf.sin(angle)
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    y = (tf.range(height, dtype=tf.float32) - middle_y)[None, :, None]
    x = (tf.range(width, dtype=tf.float32) - middle_x)[None, None, :]
    x = scale_x * (x + shear * config.shear * y)
    y = scale_y * y
    return (
        cos * y - sin * x + middle_y + shift_y * config.shift_pixels,
        sin * y + cos * x + middle_x + shift_x * config.shift_pixels,
    )


def _displacements(
    config: AugmentationConfig, rows: int, height: int, width: int
) -> tf.Tensor:
    """Returns float32 [2, rows, height, width]: pixels down, and right."""
    noise = _uniform(_ELASTIC_PLACE, rows, 2 * height * width)
    # A Gaussian filter of rows and then of columns, as matrix products.
    noise = tf.reshape(noise, [rows * 2 * width, height])
    noise = noise @ _gaussian(height, config.elastic_sigma_pixels)
    noise = tf.reshape(noise, [rows, 2, width, height])
    noise = tf.transpose(noise, [1, 0, 3, 2])
    noise = tf.reshape(noise, [-1, width])
    noise = noise @ _gaussian(width, config.elastic_sigma_pixels)
    noise = tf.reshape(noise, [2, rows, height, width])
    return noise * config.elastic_alpha_pixels


def _gaussian(size: int, sigma: float) -> np.ndarray:
    """Returns float32 [size, size], whose product with values smooths them."""
    distance = np.subtract.outer(np.arange(size), np.arange(size))
    weights = np.exp(-((distance / sigma) ** 2) / 2)
    return (weights / (sigma * math.sqrt(2 * math.pi))).astype(np.float32)


def _sample(images: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Takes values between pixels, linearly in both directions.

    Args:
      images: float32 [rows, height, width, channels].
      y: float32 [rows, height, width], places in pixels, down.
      x: the same, to the right.

    Returns:
      float32 [rows, height * width, channels].
    """
    rows, height, width, channels = images.shape
    # A border of zeros, which all that lies farther out is moved to.
    y = tf.clip_by_value(y + 1, 0, height + 1)
    x = tf.clip_by_value(x + 1, 0, width + 1)
    padded = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
    # The four pixels of a square lie together, and are fetched at once.
    squares = tf.concat(
        [
            padded[:, :-1, :-1],
            padded[:, :-1, 1:],
            padded[:, 1:, :-1],
            padded[:, 1:, 1:],
        ],
        axis=3,
    )
    squares = tf.reshape(squares, [-1, 4, channels])
    top = tf.minimum(tf.floor(y), height)
    left = tf.minimum(tf.floor(x), width)
    per_row = (height + 1) * (width + 1)
    index = tf.cast(top, tf.int32) * (width + 1) + tf.cast(left, tf.int32)
    index = index + per_row * tf.range(rows)[:, None, None]
    found = tf.gather(squares, tf.reshape(index, [-1]))
    down, right = y - top, x - left
    weights = [
        (1 - down) * (1 - right),
        (1 - down) * right,
        down * (1 - right),
        down * right,
    ]
    weighted = tf.reshape(tf.stack(weights, axis=-1), [-1, 4, 1])
    return tf.reduce_sum(found * weighted, axis=1)
