"""What the step that comes would do: tried, looked at and taken back."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from trainer.model.network import Network
from trainer.steps.training import gradient_of
from trainer.steps.training import is_single
from trainer.steps.training import StepOptions
from trainer.steps.training import take_step


class Look(NamedTuple):
    """What a step would do, for each trainable variable.

    Attributes:
      gradients: float32 tensors, over the global batch and before clipping.
      updates: float32 tensors, what the step adds to the variable.
      squares: float32 [3, variables], the sums of squares of gradients, weights
        and updates. They are taken on the device, so that large tensors need
        not come to the host.
    """

    gradients: list[tf.Tensor]
    updates: list[tf.Tensor]
    squares: tf.Tensor


def look_ahead(
    strategy: tf.distribute.Strategy, network: Network, options: StepOptions
) -> Callable[[dict], Look]:
    """Makes the function that tries a chunk's first step and takes it back.

    A function of its own, so that training itself costs and computes the same
    whether anyone looks or not; not compiled by XLA, since it is called seldom.

    Returns:
      A function from a chunk to what its first step would do.
    """
    gradient = gradient_of(network, options)
    trained = network.model.trainable_variables

    def replica_step(chunk: dict) -> Look:
        context = tf.distribute.get_replica_context()
        gradients, _ = gradient(
            chunk["x"][0],
            chunk["y"][0],
            chunk["examples"][0],
            chunk["first_row"],
            chunk["first_step"],
        )
        if not is_single(strategy):
            gradients = context.all_reduce(
                tf.distribute.ReduceOp.SUM, gradients
            )
        changed = network.changed_by_a_step()
        before = [tf.identity(v.value) for v in changed]
        gradients = take_step(network, options, gradients)
        places = {id(v): place for place, v in enumerate(changed)}
        updates = [v.value - before[places[id(v)]] for v in trained]
        context.merge_call(_put_back, args=(network, before))
        weights = [before[places[id(v)]] for v in trained]
        squares = [
            tf.stack([tf.reduce_sum(tf.square(t)) for t in tensors])
            for tensors in (gradients, weights, updates)
        ]
        return Look(gradients, updates, tf.stack(squares))

    @tf.function(autograph=False)
    def look(chunk: dict) -> Look:
        local = strategy.experimental_local_results
        found = strategy.run(replica_step, args=(chunk,))
        return tf.nest.map_structure(lambda each: local(each)[0], found)

    return look


def _put_back(
    strategy: tf.distribute.Strategy, network: Network, before: list[tf.Tensor]
) -> None:
    """Gives variables their values from before; called across replicas."""
    for variable, value in zip(
        network.changed_by_a_step(), before, strict=True
    ):
        strategy.extended.update(
            variable.value,
            lambda v, old: v.assign(old),
            args=(value,),
            group=False,
        )


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
