"""The floor: an epoch's matrix products alone, by a library.

  python -m benchmarks.peers.products openblas|mkl|onednn|eigen|moves EPOCHS

A step's five at 128 rows: x W1, h W2, their kernels' gradients, and the
gradient of h. There is no optimizer, no loss and no data. Which library is
quickest depends on the processor's make: NumPy's products are OpenBLAS's,
PyTorch's are MKL's, and TensorFlow's oneDNN's or Eigen's. Each has a process of
its own, since their threads would disturb others'.

`moves` is the optimizer's share of the floor, by PyTorch: weights, mean squares
and gradient are read and the first two are written, at the speed at which this
machine adds and copies arrays of that size.
"""

import json
import os
import sys
from collections.abc import Callable

import numpy as np

from benchmarks.peers import data

BATCH_SIZE, STEPS = 128, 469
SHAPES = (*[(BATCH_SIZE, 784)] * 2, (BATCH_SIZE, 10), (784, 784), (784, 10))
PARAMETERS = 784 * 784 + 784 + 784 * 10 + 10


def by_numpy() -> Callable:
    """Returns what takes an epoch of products by OpenBLAS."""
    return _taken(np.asarray, np.matmul)


def by_torch() -> Callable:
    """Returns what takes an epoch of products by MKL."""
    import torch

    return _taken(torch.asarray, torch.matmul)


def by_tensorflow(onednn: str) -> Callable:
    """Returns what takes an epoch of products by oneDNN or by Eigen."""
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = onednn
    import tensorflow as tf

    x, h, p, first, second = map(tf.constant, _arrays())

    def step(i: tf.Tensor, *_: tf.Tensor) -> tuple:
        # Of the last step's, or the products would be taken once.
        with tf.control_dependencies(_):
            by = [tf.identity(each) for each in (x, h, p, first, second)]
        return (
            i + 1,
            by[0] @ by[3],
            by[1] @ by[4],
            tf.matmul(by[1], by[2], transpose_a=True),
            tf.matmul(by[2], by[4], transpose_b=True),
            tf.matmul(by[0], by[1], transpose_a=True),
        )

    @tf.function(autograph=False)
    def epoch() -> list[tf.Tensor]:
        begun = [x @ first, h @ second, second, h, first]
        return tf.while_loop(
            lambda i, *_: i < STEPS, step, [tf.constant(0), *begun]
        )

    return lambda: epoch()[0].numpy()


def by_moves() -> Callable:
    """Returns what moves an epoch's arrays of the optimizer."""
    import torch

    weights, squares, gradient = torch.zeros(3, PARAMETERS)

    def epoch() -> None:
        for _ in range(STEPS):
            torch.add(weights, gradient, out=weights)
            squares.copy_(gradient)

    return epoch


PROGRAMS: dict[str, Callable[[], Callable]] = {
    "openblas": by_numpy,
    "mkl": by_torch,
    "onednn": lambda: by_tensorflow("1"),
    "eigen": lambda: by_tensorflow("0"),
    "moves": by_moves,
}


def _arrays() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.random(shape, np.float32) for shape in SHAPES]


def _taken(as_array: Callable, multiply: Callable) -> Callable:
    x, h, p, first, second = map(as_array, _arrays())

    def epoch() -> None:
        for _ in range(STEPS):
            multiply(x, first)
            multiply(h, second)
            multiply(h.T, p)
            multiply(p, second.T)
            multiply(x.T, h)

    return epoch


def main() -> None:
    """Prints seconds of each epoch's products."""
    epoch = PROGRAMS[sys.argv[1]]()
    epochs = data.Epochs()
    for _ in epochs.each(int(sys.argv[2])):
        epoch()
    print(json.dumps({"epoch_secs": epochs.secs}))


if __name__ == "__main__":
    main()
