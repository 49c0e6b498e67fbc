"""Networks of one shape that train side by side, as one program.

A step of one network is a function of values: its variables, its rows, its
numbers (the learning rate and others). TensorFlow vectorises it, so that K
matrix products become one of K matrices. Between two chunks each network's
variables hold what training it alone would have left, but for rounding.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keras
import tensorflow as tf

from trainer.config import Config
from trainer.model import chance
from trainer.model.mlp import StatelessDropout
from trainer.model.mlp import threshold_of
from trainer.model.network import Network
from trainer.steps import stateless
from trainer.steps.gradient import share_of
from trainer.steps.options import StepOptions
from trainer.steps.update import decay_of
from trainer.steps.update import take_step

Chunk = dict[str, tf.Tensor]
# Of a problem of values, by its training rows.
_TARGETS = ("target_mean", "target_std", "target_center")


class StackedTold(NamedTuple):
    """What a chunk of steps tells the host.

    Attributes:
      sums: float32 [K, networks, sums], as in `training.Told`.
      learning_rates: float32 [networks], of the step that comes.
    """

    sums: tf.Tensor
    learning_rates: tf.Tensor


def training_loop(
    networks: Sequence[Network],
    configs: Sequence[Config],
    options: StepOptions,
) -> Any:
    """Makes the function that runs a chunk of steps of all networks.

    Args:
      networks: of one shape, built to be stateless.
      configs: theirs, which differ in what `config.stacking` names alone.
      options: of the step of the first.

    Returns:
      A function from each network's chunk of `pipeline.chunks`, all of the same
      steps, and a bool [networks] to what the chunk tells. Networks that it is
      False of stay as they are.
    """
    variables = [stateless.changed(network) for network in networks]
    numbers = tf.nest.map_structure(
        lambda *each: tf.stack(each), *map(_numbers_of, networks, configs)
    )
    width = len(networks[0].problem.sum_names)
    step_of_one = _step_of(networks[0], options)
    is_compiled = options.compiled == "step"

    def loop(chunks: list[Chunk], is_active: tf.Tensor) -> StackedTold:
        slots = chunks[0]["x"].shape[0]

        def body(i, values, sums):
            rows = [
                _rows_of(network, config.seed, chunk, i, is_compiled)
                for network, config, chunk in zip(
                    networks, configs, chunks, strict=True
                )
            ]
            given = tf.nest.map_structure(lambda *each: tf.stack(each), *rows)
            values, step_sums = tf.vectorized_map(
                step_of_one,
                {**given, "values": values, "numbers": numbers},
            )
            return i + 1, values, sums.write(i, step_sums)

        before = [
            tf.stack([v.value for v in same])
            for same in zip(*variables, strict=True)
        ]
        sums = tf.TensorArray(
            tf.float32, slots, element_shape=[len(networks), width]
        )
        _, after, sums = tf.while_loop(
            lambda i, *_: i < chunks[0]["steps"],
            body,
            [tf.constant(0), before, sums],
        )
        _assign_active(variables, before, after, is_active)
        rates = [network.optimizer.learning_rate for network in networks]
        return StackedTold(sums.stack(), tf.stack(rates))

    return tf.function(loop, jit_compile=is_compiled, autograph=False)


def _step_of(network: Network, options: StepOptions) -> Callable:
    """Makes a step of any of the networks, as a function of its values."""
    variables = stateless.changed(network)

    def step_of_one(given: dict[str, Any]) -> tuple[list[tf.Tensor], tf.Tensor]:
        pairs = list(zip(variables, given["values"], strict=True))
        with (
            keras.StatelessScope(state_mapping=pairs) as scope,
            _has(network, given["numbers"]) as own,
            chance.drawn(given["bits"]),
        ):
            step = tf.cast(network.optimizer.iterations.value, tf.float32)
            weights = [v.value for v in network.model.trainable_variables]
            with tf.GradientTape() as tape:
                tape.watch(weights)
                share, sums = share_of(
                    own,
                    given["x"],
                    given["y"],
                    given["is_real"],
                    given["examples"],
                    given.get("weight"),
                )
            take_step(network, options, tape.gradient(share, weights))
            if network.average is not None:
                stateless.move_average(network, decay_of(options, step))
            return [scope.get_current_value(v) for v in variables], sums

    return step_of_one


def _rows_of(
    network: Network, seed: int, chunk: Chunk, i: tf.Tensor, is_compiled: bool
) -> dict[str, Any]:
    """Returns what a network's step takes, beside its values."""
    x = network.normalization(chunk["x"][i])
    examples = chunk["examples"][i]
    step = chunk["first_step"] + tf.cast(i, tf.int64)
    zero = tf.constant(0)
    with chance.chance(seed, step, zero, is_compiled=is_compiled):
        bits = {
            layer.place: chance.random_bits(
                layer.place, x.shape[0], layer.output.shape[-1]
            )
            for layer in _dropouts(network)
        }
    rows = {
        "x": x,
        "y": network.problem.targets(chunk["y"][i]),
        "is_real": tf.cast(tf.range(x.shape[0]) < examples, tf.float32),
        "examples": examples,
        "bits": bits,
    }
    if "weight" in chunk:
        rows["weight"] = chunk["weight"][i]
    return rows


def _assign_active(
    variables: Sequence[list[keras.Variable]],
    before: list[tf.Tensor],
    after: list[tf.Tensor],
    is_active: tf.Tensor,
) -> None:
    """Gives the variables of active networks, one a list, what came after."""
    for same, old, new in zip(
        zip(*variables, strict=True), before, after, strict=True
    ):
        kept = tf.reshape(is_active, [-1] + [1] * (len(new.shape) - 1))
        new = tf.where(kept, new, old)
        for variable, value in zip(same, tf.unstack(new), strict=True):
            variable.assign(value)


def _numbers_of(network: Network, config: Config) -> dict[str, Any]:
    """Returns what a network has of its own, beside its seed and rows."""
    optimizer, model = config.optimizer, config.model
    targets = {name: getattr(network.problem, name) for name in _TARGETS}
    return {
        # Sums are taken from the mean of its own training rows.
        "targets": {n: v for n, v in targets.items() if v is not None},
        "learning_rate": tf.constant(optimizer.learning_rate),
        "weight_decay": tf.constant(optimizer.weight_decay),
        "l2": tf.constant(model.l2),
        "threshold": tf.constant(threshold_of(model.dropout), tf.uint32),
        "kept_share": tf.constant(1 - model.dropout),
    }


def _dropouts(network: Network) -> list[StatelessDropout]:
    layers = network.model.layers
    return [each for each in layers if isinstance(each, StatelessDropout)]


@contextlib.contextmanager
def _has(network: Network, numbers: dict[str, Any]) -> Iterator[Network]:
    """Has a network compute with given numbers in place of its own.

    Yields:
      The same network, with a problem of these numbers.
    """
    optimizer, schedule = network.optimizer, network.optimizer._learning_rate
    with contextlib.ExitStack() as held:

        def put(owner: Any, name: str, value: Any) -> None:
            held.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

        rate = numbers["learning_rate"]
        put(
            schedule,
            "config",
            dataclasses.replace(schedule.config, learning_rate=rate),
        )
        if optimizer.weight_decay is not None:
            put(optimizer, "weight_decay", numbers["weight_decay"])
        for variable in network.model.trainable_variables:
            if variable.regularizer:
                put(variable.regularizer, "l2", numbers["l2"])
        for layer in _dropouts(network):
            put(layer, "threshold", numbers["threshold"])
            put(layer, "kept_share", numbers["kept_share"])
        problem = dataclasses.replace(network.problem, **numbers["targets"])
        yield dataclasses.replace(network, problem=problem)
