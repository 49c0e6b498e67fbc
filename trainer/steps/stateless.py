"""A step's update as a function of values: one program for any strategy.

Assignments to mirrored variables do not compile; what they are given does.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from trainer.model.network import Network
from trainer.steps.options import StepOptions
from trainer.steps.shares import without_signs_of_zero
from trainer.steps.update import decay_of
from trainer.steps.update import take_step

Gradients = list[tf.Tensor]
Values = list[tf.Tensor]


def assigning_update_of(
    network: Network, options: StepOptions
) -> Callable[[Gradients], None]:
    """Makes what `update.update_of` does, by `step_of` and assignments."""
    step = step_of(network, options, is_compiled=options.compiled != "none")

    def update(gradients: Gradients) -> None:
        _, values = step(gradients)
        context = tf.distribute.get_replica_context()
        context.merge_call(assign, args=(changed(network), values))

    return update


def step_of(
    network: Network, options: StepOptions, *, is_compiled: bool
) -> Callable[[Gradients], tuple[Gradients, Values]]:
    """Makes an update that says what it would assign.

    Args:
      network: whose optimizer was built to be stateless.
      options: of the step.
      is_compiled: whether XLA compiles it.

    Returns:
      A function from the gradient over the global batch to (what `take_step`
      returns, the new values of `changed`).
    """
    variables = changed(network)

    def of_values(
        gradients: Gradients, values: Values
    ) -> tuple[Gradients, Values]:
        pairs = list(zip(variables, values, strict=True))
        with keras.StatelessScope(state_mapping=pairs) as scope:
            step = tf.cast(network.optimizer.iterations.value, tf.float32)
            gradients = take_step(
                network, options, without_signs_of_zero(gradients)
            )
            if network.average is not None:
                move_average(network, decay_of(options, step))
            return gradients, [scope.get_current_value(v) for v in variables]

    if is_compiled:
        of_values = tf.function(of_values, jit_compile=True, autograph=False)
    return lambda gradients: of_values(
        gradients, [tf.convert_to_tensor(v.value) for v in variables]
    )


def changed(network: Network) -> list[keras.Variable]:
    """Returns all that a step changes, the moving average with it."""
    averages = network.average.weights if network.average else []
    return [*network.changed_by_a_step(), *averages]


def move_average(network: Network, decay: tf.Tensor) -> None:
    """Adds (1 - decay) * (weight - mean), as `update` does on variables."""
    assert network.average is not None
    for mean, weight in zip(
        network.average.weights, network.model.weights, strict=True
    ):
        mean.assign_add((1 - decay) * (weight.value - mean.value))


def assign(
    strategy: tf.distribute.Strategy,
    variables: list[keras.Variable],
    values: Values,
) -> None:
    """Gives variables new values; called across replicas."""
    for variable, value in zip(variables, values, strict=True):
        strategy.extended.update(
            variable.value,
            lambda v, new: v.assign(new),
            args=(value,),
            group=False,
        )
