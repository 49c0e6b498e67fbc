"""Flax (NNX) with Optax: a jitted step a batch, as its tutorial has it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks.peers import data

BATCH_SIZE = 128


class Mlp(nnx.Module):
    """784 -> 784 ReLU -> 10, begun as Keras does."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        begin = nnx.initializers.glorot_uniform()
        self.hidden = nnx.Linear(784, 784, kernel_init=begin, rngs=rngs)
        self.outputs = nnx.Linear(784, 10, kernel_init=begin, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.outputs(nnx.relu(self.hidden(x)))


def loss_of(model: Mlp, x: jax.Array, y: jax.Array) -> jax.Array:
    losses = optax.softmax_cross_entropy_with_integer_labels(model(x), y)
    return losses.mean()


@nnx.jit
def step(
    model: Mlp, optimizer: nnx.Optimizer, x: jax.Array, y: jax.Array
) -> jax.Array:
    loss, gradients = nnx.value_and_grad(loss_of)(model, x, y)
    optimizer.update(model, gradients)
    return loss


def main() -> None:
    """Trains, scores and tells."""
    asked = data.asked()
    arrays = data.load(asked.data_dir)
    train_x, test_x = (data.rows(arrays[i]) for i in (0, 2))
    train_y, test_y = (arrays[i].astype(np.int32) for i in (1, 3))
    model = Mlp(nnx.Rngs(asked.seed))
    optimizer = nnx.Optimizer(
        model, optax.rmsprop(1e-3, decay=0.9, eps=1e-7), wrt=nnx.Param
    )
    random = np.random.default_rng(asked.seed)
    quick = nnx.cached_partial(step, model, optimizer)
    epochs = data.Epochs()
    for _ in epochs.each(asked.epochs):
        order = random.permutation(len(train_x))
        losses = [
            quick(train_x[rows], train_y[rows])
            for rows in np.split(
                order, range(BATCH_SIZE, len(order), BATCH_SIZE)
            )
        ]
        print(f"loss {float(jnp.stack(losses).mean()):.4f}")
    right = model(jnp.asarray(test_x)).argmax(1) == test_y
    data.tell(epochs, float(right.mean()))


if __name__ == "__main__":
    main()
