"""JAX with Optax: one jitted function an epoch, `scan` over its batches."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers import data

BATCH_SIZE = 128


def initial(key: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
    """Returns kernels and biases as Keras begins with them."""
    made = []
    for ins, outs in ((784, 784), (784, 10)):
        key, drawn = jax.random.split(key)
        kernel = jax.nn.initializers.glorot_uniform()(drawn, (ins, outs))
        made.append((kernel, jnp.zeros(outs)))
    return made


def logits(weights: list, x: jax.Array) -> jax.Array:
    (first, first_bias), (second, second_bias) = weights
    return jax.nn.relu(x @ first + first_bias) @ second + second_bias


def loss_of(weights: list, x: jax.Array, y: jax.Array) -> jax.Array:
    losses = optax.softmax_cross_entropy_with_integer_labels(
        logits(weights, x), y
    )
    return losses.mean()


OPTIMIZER = optax.rmsprop(1e-3, decay=0.9, eps=1e-7)


def step(state: tuple, x: jax.Array, y: jax.Array) -> tuple:
    weights, optimizer = state
    loss, gradients = jax.value_and_grad(loss_of)(weights, x, y)
    updates, optimizer = OPTIMIZER.update(gradients, optimizer)
    return (optax.apply_updates(weights, updates), optimizer), loss


@jax.jit
def epoch(state: tuple, x: jax.Array, y: jax.Array, key: jax.Array) -> tuple:
    """Takes every row once; the last, smaller batch by itself."""
    order = jax.random.permutation(key, len(x))
    whole = len(x) // BATCH_SIZE * BATCH_SIZE
    batches = order[:whole].reshape(-1, BATCH_SIZE)
    state, losses = jax.lax.scan(
        lambda state, rows: step(state, x[rows], y[rows]), state, batches
    )
    rest = order[whole:]
    if len(rest):
        state, _ = step(state, x[rest], y[rest])
    return state, losses.mean()


def main() -> None:
    """Trains, scores and tells."""
    asked = data.asked()
    arrays = data.load(asked.data_dir)
    train_x, test_x = (jnp.asarray(data.rows(arrays[i])) for i in (0, 2))
    train_y, test_y = (jnp.asarray(arrays[i].astype(np.int32)) for i in (1, 3))
    key = jax.random.key(asked.seed)
    weights = initial(key)
    state = (weights, OPTIMIZER.init(weights))
    epochs = data.Epochs()
    for number in epochs.each(asked.epochs):
        drawn = jax.random.fold_in(key, number)
        state, loss = epoch(state, train_x, train_y, drawn)
        print(f"loss {float(loss):.4f}")
    right = logits(state[0], test_x).argmax(1) == test_y
    data.tell(epochs, float(right.mean()))


if __name__ == "__main__":
    main()
