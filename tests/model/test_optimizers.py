"""Schedules and optimizers are Keras's, with a warm-up."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from trainer.config import OptimizerConfig
from trainer.config import ScheduleConfig
from trainer.model import optimizers

STEPS = 100


def rates(**schedule):
    config = OptimizerConfig(
        learning_rate=0.1, schedule=ScheduleConfig(**schedule)
    )
    made = optimizers.Schedule(config, STEPS)
    return np.array([float(made(step)) for step in range(STEPS)])


def expected(schedule):
    return np.array([float(schedule(step)) for step in range(STEPS)])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, lambda step: 0.1),
        (
            {"name": "cosine", "final_fraction": 0.1},
            keras.optimizers.schedules.CosineDecay(0.1, STEPS, alpha=0.1),
        ),
        (
            {"name": "linear", "final_fraction": 0.2},
            keras.optimizers.schedules.PolynomialDecay(0.1, STEPS, 0.02),
        ),
        (
            {
                "name": "piecewise",
                "boundaries": (0.5, 0.8),
                "factors": (0.1, 0.01),
            },
            # Keras's boundaries are the last steps of a piece.
            keras.optimizers.schedules.PiecewiseConstantDecay(
                [49, 79], [0.1, 0.01, 0.001]
            ),
        ),
    ],
    ids=["constant", "cosine", "linear", "piecewise"],
)
def test_a_schedule_is_keras_own(ours, theirs):
    np.testing.assert_allclose(rates(**ours), expected(theirs), rtol=1e-5)


def test_a_warm_up_rises_to_the_rate_and_hands_over():
    warm = rates(name="linear", warmup_fraction=0.2)
    np.testing.assert_allclose(
        warm[:20], 0.1 * np.arange(1, 21) / 20, rtol=1e-5
    )
    np.testing.assert_allclose(
        warm[20:], 0.1 * (1 - np.arange(80) / 80), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adamw"])
def test_each_optimizer_steps_as_keras_own(name):
    fields: dict[str, Any] = {}
    if name == "sgd":
        fields = {"momentum": 0.9, "nesterov": True}
    config = OptimizerConfig(name=name, learning_rate=0.1, **fields)
    kinds = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW,
    }
    moved = []
    for optimizer in (
        optimizers.build(config, 0.1),
        kinds[name](0.1, **fields),
    ):
        kernel = keras.Variable([1.0, -2.0], name="kernel")
        optimizer.build([kernel])
        for gradient in ([0.5, 0.1], [-0.3, 0.2], [1.0, 1.0]):
            optimizer.apply([np.array(gradient, np.float32)], [kernel])
        moved.append(kernel.value.numpy())
    np.testing.assert_array_equal(*moved)


def compiled_steps(optimizer):
    """Takes two steps of a `tf.function`.

    Returns:
      The kinds of its operations, and what it left in all variables.
    """
    kernel = keras.Variable([[1.0, -2.0]], name="kernel")
    bias = keras.Variable([0.5], name="bias")
    optimizer.build([kernel, bias])

    @tf.function(autograph=False)
    def step(*gradients):
        optimizer.apply(gradients, [kernel, bias])

    for gradients in (([[0.5, 0.1]], [3.0]), ([[-0.3, 1e-9]], [0.0])):
        tensors = [tf.constant(each) for each in gradients]
        step(*tensors)
    graph = step.get_concrete_function(*tensors).graph
    return (
        [operation.type for operation in graph.get_operations()],
        [v.value.numpy() for v in (kernel, bias, *optimizer.variables)],
    )


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_without_xla_adam_is_an_operation_a_variable(name):
    config = OptimizerConfig(name=name, beta_1=0.6, beta_2=0.85)
    _, keras_own = compiled_steps(optimizers.build(config, 0.1))
    kinds, fused = compiled_steps(optimizers.build(config, 0.1, fused=True))
    assert kinds.count("ResourceApplyAdam") == 2
    for found, own in zip(fused, keras_own, strict=True):
        np.testing.assert_allclose(found, own, rtol=1e-6)


def test_adamw_decays_kernels_alone():
    config = OptimizerConfig(name="adamw", weight_decay=0.5)
    optimizer = optimizers.build(config, 0.1)
    kernel = keras.Variable([1.0], name="kernel")
    bias = keras.Variable([1.0], name="bias")
    optimizer.build([kernel, bias])
    zero = np.zeros(1, np.float32)
    optimizer.apply([zero, zero], [kernel, bias])
    assert kernel.value.numpy() == pytest.approx(1 - 0.1 * 0.5)
    assert bias.value.numpy() == 1
