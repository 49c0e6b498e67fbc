"""What the step that comes would do: tried, measured and taken back."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.model.network import Network
from trainer.steps import stateless
from trainer.steps.options import StepOptions
from trainer.steps.training import halves_of
from trainer.steps.training import is_single
from trainer.steps.training import rows_of_step
from trainer.steps.update import take_step


@dataclasses.dataclass(frozen=True)
class Preview:
    """What a step would do, for each trainable variable.

    Attributes:
      names: of the variables.
      gradients: float32 tensors, over the global batch and before clipping.
      weights: the variables themselves.
      squares: float32 [3, variables], the sums of squares of gradients, weights
        and updates. They are taken on the device, so that large tensors need
        not come to the host.
    """

    names: list[str]
    gradients: list[tf.Tensor]
    weights: list[tf.Variable]
    squares: tf.Tensor

    def norms(self) -> dict[str, float]:
        """Returns Euclidean norms by tag; see `norms`."""
        return norms(self.names, self.squares.numpy())

    def tensors(self) -> dict[str, tf.Tensor]:
        """Returns gradients and weights by tag, "gradient/VARIABLE"."""
        parts = {"gradient": self.gradients, "weights": self.weights}
        return {
            f"{part}/{name}": values
            for part, tensors in parts.items()
            for name, values in zip(self.names, tensors, strict=True)
        }


def previewer(
    strategy: tf.distribute.Strategy, network: Network, options: StepOptions
) -> Callable[[dict[str, Any]], Preview]:
    """Makes the function that tries a chunk's first step and takes it back.

    A function of its own, so that training itself costs and computes the same
    with and without it; not compiled by XLA, since it is called seldom.

    Returns:
      A function from a chunk to what its first step would do.
    """
    plain = "none" if options.compiled == "step" else options.compiled
    options = dataclasses.replace(options, compiled=plain)
    halves = halves_of(strategy, network, options)
    trained = network.model.trainable_variables
    if options.virtual_replicas is None:
        try_update = _tried_and_taken_back(network, options)
    else:
        try_update = stateless.step_of(network, options, is_compiled=False)

    def replica_step(
        chunk: dict[str, Any],
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        context = tf.distribute.get_replica_context()
        gradients, sums = halves.own(*rows_of_step(chunk, 0))
        if not is_single(strategy):
            gradients = context.all_reduce(
                tf.distribute.ReduceOp.SUM, gradients
            )
        gradients, _ = halves.whole(gradients, sums)
        weights = [tf.identity(v.value) for v in trained]
        gradients, values = try_update(gradients)
        places = {id(v): i for i, v in enumerate(network.changed_by_a_step())}
        updates = [
            values[places[id(v)]] - weight
            for v, weight in zip(trained, weights, strict=True)
        ]
        squares = [
            tf.stack([tf.reduce_sum(tf.square(t)) for t in tensors])
            for tensors in (gradients, weights, updates)
        ]
        return gradients, tf.stack(squares)

    @tf.function(autograph=False)
    def try_step(chunk: dict[str, Any]) -> tuple[list[tf.Tensor], tf.Tensor]:
        local = strategy.experimental_local_results
        found = strategy.run(replica_step, args=(chunk,))
        return tf.nest.map_structure(lambda each: local(each)[0], found)

    names, weights = [v.path for v in trained], [v.value for v in trained]

    def preview(chunk: dict[str, Any]) -> Preview:
        gradients, squares = try_step(chunk)
        return Preview(names, gradients, weights, squares)

    return preview


def _tried_and_taken_back(
    network: Network, options: StepOptions
) -> Callable[[list[tf.Tensor]], tuple[list[tf.Tensor], list[tf.Tensor]]]:
    """Makes what `stateless.step_of` does by an optimizer that assigns."""

    def try_update(
        gradients: list[tf.Tensor],
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        changed = network.changed_by_a_step()
        before = [tf.identity(v.value) for v in changed]
        gradients = take_step(network, options, gradients)
        after = [tf.identity(v.value) for v in changed]
        context = tf.distribute.get_replica_context()
        context.merge_call(stateless.assign, args=(changed, before))
        return gradients, after

    return try_update


def norms(names: list[str], squares: np.ndarray) -> dict[str, float]:
    """Returns Euclidean norms by tag, of all variables and of each.

    Args:
      names: of the variables.
      squares: float [3, variables], the sums of squares of gradients, weights
        and updates.

    Returns:
      "norms/gradient", "norms/weights" and "norms/update_ratio", the norm of
      the update divided by that of the weights it is added to; and the same of
      each variable, "norms/gradient/VARIABLE".
    """
    squares = squares.astype(np.float64)
    ends = {"": squares.sum(axis=1)}
    ends |= {f"/{n}": each for n, each in zip(names, squares.T, strict=True)}
    found = {}
    for end, of_parts in ends.items():
        gradient, weights, update = np.sqrt(of_parts).tolist()
        found[f"norms/gradient{end}"] = gradient
        found[f"norms/weights{end}"] = weights
        if weights:  # a bias begins at 0
            found[f"norms/update_ratio{end}"] = update / weights
    return found
