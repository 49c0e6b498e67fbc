"""JAX's steps for benchmarks.growth: points in, seconds a step out."""

import functools
import itertools
import json
import sys
import time

import jax
import jax.numpy as jnp
import optax

LEAST_SECS = 0.3
# As long as Strata's chunks, at most.
STEPS, CHUNK_BYTES = 50, 64 * 2**20

OPTIMIZER = optax.rmsprop(1e-3, decay=0.9, eps=1e-7)


def loss_of(weights: list, x: jax.Array, y: jax.Array) -> jax.Array:
    *hidden, (last, last_bias) = weights
    for kernel, bias in hidden:
        x = jax.nn.relu(x @ kernel + bias)
    losses = optax.softmax_cross_entropy_with_integer_labels(
        x @ last + last_bias, y
    )
    return losses.mean()


@functools.partial(jax.jit, donate_argnums=0)
def chunk(state: tuple, x: jax.Array, y: jax.Array, rows: jax.Array) -> tuple:
    """Takes a step for each line of rows."""

    def step(state: tuple, rows: jax.Array) -> tuple:
        weights, optimizer = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, x[rows], y[rows])
        updates, optimizer = OPTIMIZER.update(gradients, optimizer)
        return (optax.apply_updates(weights, updates), optimizer), loss

    return jax.lax.scan(step, state, rows)


def step_secs(point: dict) -> float:
    """Returns the mean seconds of a step, over LEAST_SECS or more."""
    key = jax.random.key(0)
    x = jax.random.uniform(key, (point["rows"], point["features"]))
    y = jax.random.randint(key, (point["rows"],), 0, 10)
    widths = [point["features"], *[point["width"]] * point["depth"], 10]
    weights = [
        (
            jax.nn.initializers.glorot_uniform()(key, (ins, outs)),
            jnp.zeros(outs),
        )
        for ins, outs in itertools.pairwise(widths)
    ]
    state = (weights, OPTIMIZER.init(weights))
    batch = min(point["batch"], point["rows"])
    steps = min(
        STEPS,
        point["rows"] // batch,
        max(1, CHUNK_BYTES // (batch * point["features"])),
    )

    def run(state: tuple, number: int) -> tuple:
        drawn = jax.random.fold_in(key, number)
        order = jax.random.randint(drawn, (steps, batch), 0, point["rows"])
        state, losses = chunk(state, x, y, order)
        losses.block_until_ready()
        return state

    state = run(state, 0)
    chunks, began = 0, time.perf_counter()
    while time.perf_counter() - began < LEAST_SECS:
        chunks += 1
        state = run(state, chunks)
    return (time.perf_counter() - began) / (chunks * steps)


if __name__ == "__main__":
    print(json.dumps([step_secs(point) for point in json.load(sys.stdin)]))
