"""Scores a run on a split: the trainer's own numbers, and each row's output."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer import evaluation
from trainer import optimizers
from trainer import pipeline
from trainer.evaluation import Evaluator
from trainer.network import Network
from trainer.serving import scores
from trainer.serving.load import build_network
from trainer.serving.load import to_values
from trainer.serving.stored import Stored
from trainer.sources import Dataset
from trainer.sources import Split

# What the evaluator calls the one split that it gets: it skips "train".
_SCORED = "scored"


def score(
    stored: Stored,
    split: Split,
    target_center: np.ndarray | None,
    strategy: tf.distribute.Strategy,
    on_chunk: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Scores a split on a strategy, each row once.

    Args:
      stored: the run.
      split: its labels as `problems.settle` left them.
      target_center: that of the problem that was settled for the data.
      strategy: that the batches are spread by.
      on_chunk: called after each chunk of batches.

    Returns:
      "values" as a result.json has them, "weights_sha256", and the parts of
      `scores.detail`.
    """
    problem = dataclasses.replace(stored.problem, target_center=target_center)
    optimizers.set_precision(stored.config.precision)
    with strategy.scope():
        network = build_network(dataclasses.replace(stored, problem=problem))
    evaluate = Evaluator(
        strategy, network, stored.config, Dataset("", {_SCORED: split}, "")
    )
    values = evaluate(_SCORED, on_chunk)
    plan = evaluation.plan_of(strategy, split, stored.config)
    outputs = _outputs(strategy, network, split, plan, on_chunk)
    return {
        "values": values,
        "weights_sha256": network.sha256(),
        **scores.detail(
            problem,
            stored.labels,
            to_values(problem, outputs),
            split.labels(),
        ),
    }


def _outputs(
    strategy: tf.distribute.Strategy,
    network: Network,
    split: Split,
    plan: pipeline.Plan,
    on_chunk: Callable[[], None],
) -> np.ndarray:
    """Returns each row's output, float32 [examples, outputs], on all workers.

    In the batches, and on the replicas, in which the evaluator scored them.
    """
    run = _output_loop(strategy, network, plan)
    chunks = pipeline.distribute(strategy, split, plan)
    parts, step = [], 0
    while step < plan.last_step:
        end = plan.chunk_end(step)
        part = run(next(chunks)).numpy()[: end - step]
        # Rows past the batch are padding for the last replicas.
        part = part[:, : plan.global_batch_size]
        parts.append(part.reshape(-1, part.shape[-1]))
        step = end
        on_chunk()
    return np.concatenate(parts)[: plan.examples]


def _output_loop(
    strategy: tf.distribute.Strategy, network: Network, plan: pipeline.Plan
) -> Callable[[dict], tf.Tensor]:
    """Makes the function from a chunk to float32 [K, rows, outputs]."""
    rows = plan.replica_batch_size * plan.replicas
    outputs = network.problem.outputs

    def replica_step(chunk: dict, i: tf.Tensor) -> tf.Tensor:
        x = network.normalization(chunk["x"][i])
        p = network.scored(x, training=False)
        if strategy.num_replicas_in_sync == 1:
            return p
        context = tf.distribute.get_replica_context()
        return context.all_gather(p, axis=0)

    @tf.function(autograph=False)
    def loop(chunk: dict) -> tf.Tensor:
        local = strategy.experimental_local_results
        slots = local(chunk["x"])[0].shape[0]
        steps = local(chunk["steps"])[0]

        def body(i: tf.Tensor, found: tf.TensorArray) -> tuple:
            p = local(strategy.run(replica_step, args=(chunk, i)))[0]
            return i + 1, found.write(i, p)

        found = tf.TensorArray(tf.float32, slots, element_shape=[rows, outputs])
        _, found = tf.while_loop(
            lambda i, _: i < steps, body, [tf.constant(0), found]
        )
        return found.stack()

    return loop
