"""A network that is asked of rows outside of its training."""

import numpy as np
import tensorflow as tf

from trainer.model.network import Network
from trainer.sources.dataset import Rows

# Rows that are worked off at once.
MOST_ROWS = 8192
# Points on the way from nothing to a row.
PATH_STEPS = 32


class NetworkProbe:
    """A scored network, asked on this process's own device.

    It meets no other replica, and changes nothing.
    """

    def __init__(self, network: Network, x: Rows) -> None:
        """Compiles nothing yet.

        Args:
          network: that is asked.
          x: an array like those that it is asked of, [rows, *shape].
        """
        self._network, self._shape = network, x.shape[1:]
        spec = tf.TensorSpec([None, *x.shape[1:]], x.dtype)

        @tf.function(input_signature=[spec], autograph=False)
        def forward(rows: tf.Tensor) -> tf.Tensor:
            return network.scored(network.normalization(rows), training=False)

        @tf.function(
            input_signature=[spec, tf.TensorSpec([None], tf.int64)],
            autograph=False,
        )
        def attribute(rows: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
            return integrated_gradients(network, rows, place)

        self._forward, self._attribute = forward, attribute

    @property
    def parameters(self) -> int:
        return self._network.scored.count_params()

    def outputs(self, x: np.ndarray) -> np.ndarray:
        parts = [
            self._forward(tf.constant(x[start : start + MOST_ROWS])).numpy()
            for start in range(0, len(x), MOST_ROWS)
        ]
        return self._network.problem.in_units(np.concatenate(parts))

    def attributions(self, x: np.ndarray, place: np.ndarray) -> np.ndarray:
        found = self._attribute(tf.constant(x), tf.constant(place)).numpy()
        return found.reshape(len(x), *self._shape)


def integrated_gradients(
    network: Network, rows: tf.Tensor, place: tf.Tensor
) -> tf.Tensor:
    """Returns what each feature adds to an output, from nothing to the row.

    M. Sundararajan, A. Taly & Q. Yan 2017, Axiomatic attribution for deep
    networks, equations 1 and 3: the gradient's mean on the straight way from a
    baseline, times the way. Here it is taken at the middles of PATH_STEPS
    equal parts. The baseline is 0 as the network is given it: black, or the
    training images' mean where they are standardized. The features of a row
    add up to its output less the baseline's.

    Args:
      network: that is asked.
      rows: as stored, [rows, *shape].
      place: which output of each row, int64 [rows].

    Returns:
      float32 [rows, features].
    """
    way = network.normalization(rows)
    shares = (tf.range(PATH_STEPS, dtype=tf.float32) + 0.5) / PATH_STEPS
    points = tf.reshape(
        shares[:, None, None] * way, [-1, way.shape[1] or tf.shape(way)[1]]
    )
    with tf.GradientTape() as tape:
        tape.watch(points)
        outputs = network.scored(points, training=False)
        chosen = tf.gather(outputs, tf.tile(place, [PATH_STEPS]), batch_dims=1)
    slopes = tape.gradient(chosen, points)
    slopes = tf.reshape(slopes, [PATH_STEPS, -1, way.shape[1]])
    return way * tf.reduce_mean(slopes, axis=0)
