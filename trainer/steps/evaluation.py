"""Scores whole splits, each row once, on any strategy."""

import functools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from trainer.config import Config
from trainer.input import pipeline
from trainer.input.parting import Parting
from trainer.model.network import Network
from trainer.problem import roc_area
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.steps.shares import scoring_by_shares
from trainer.steps.training import is_single


class Evaluator:
    """Holds the compiled evaluation and each split's chunks."""

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        network: Network,
        config: Config,
        dataset: Dataset,
        *,
        most_outputs: float = math.inf,
    ) -> None:
        """Compiles nothing yet.

        Args:
          strategy: that the batches are spread by.
          network: that is scored.
          config: the size of a batch, and of a chunk.
          dataset: whose splits are scored, "train" left out.
          most_outputs: values of a split's outputs beyond which they are not
            kept.
        """
        self._problem = network.problem
        self._most_outputs = most_outputs
        # Each row's output at the last scoring; see `outputs`.
        self._outputs: dict[str, np.ndarray] = {}
        self._loops = {
            kept: evaluation_loop(
                strategy,
                network,
                with_outputs=kept,
                virtual_replicas=_shares(strategy, config),
            )
            for kept in (False, True)
        }
        plans = {
            name: plan_of(
                strategy,
                split,
                config,
                outputs=self._kept_outputs(split.examples),
            )
            for name, split in dataset.splits.items()
            if name != "train"
        }
        self._plans = plans
        self._label_sums = functools.cache(
            lambda name: self._problem.label_sums(dataset.splits[name].labels())
        )
        # Kept for all evaluations: to make an iterator takes longer than to
        # score a small split. Made by the first one, whose time it is.
        self._chunks = functools.cache(
            lambda name: pipeline.distribute(
                strategy, dataset.splits[name], plans[name], repeat=True
            )
        )

    def __contains__(self, split: str) -> bool:
        return split in self._plans

    def __call__(
        self, split: str, on_chunk: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """Returns {"examples", "loss", metric: value …} of a split.

        Args:
          split: its name.
          on_chunk: called after each chunk of batches.
        """
        plan, step = self._plans[split], 0
        names = self._problem.sum_names
        total = np.zeros(len(names))
        scores = None
        is_kept, parts = self._kept_outputs(plan.examples) > 0, []
        while step < plan.total_steps:
            end = plan.chunk_end(step)
            sums, counts, outputs = self._loops[is_kept](
                next(self._chunks(split))
            )
            total += sums.numpy()[: end - step].astype(np.float64).sum(axis=0)
            if self._problem.has_area:
                counts = counts.numpy().astype(np.int64)
                scores = counts if scores is None else scores + counts
            if is_kept:
                # Rows past the batch are padding for the last replicas.
                part = outputs.numpy()[: end - step, : plan.global_batch_size]
                parts.append(part.reshape(-1, part.shape[-1]))
            step = end
            on_chunk()
        if is_kept:
            self._outputs[split] = np.concatenate(parts)[: plan.examples]
        sums = dict(zip(names, total.tolist(), strict=True))
        sums |= self._label_sums(split)
        return {
            "examples": plan.examples,
            **self._problem.values(sums, plan.examples, scores),
        }

    def _kept_outputs(self, examples: int) -> int:
        """Returns how many outputs of each row are kept: all, or 0."""
        outputs = self._problem.outputs
        return outputs if examples * outputs <= self._most_outputs else 0

    def outputs(self, split: str) -> np.ndarray | None:
        """Returns each row's output at the last scoring.

        Returns:
          float32 [examples, outputs], values in the target's own units; None
          where there are more than `most_outputs`.
        """
        found = self._outputs.get(split)
        if found is None:
            return None
        return self._problem.in_units(found)


def plan_of(
    strategy: tf.distribute.Strategy,
    split: Split,
    config: Config,
    *,
    outputs: int,
) -> pipeline.Plan:
    """Settles the batches in which a split is scored, in its stored order.

    Args:
      strategy: that the batches are spread by.
      split: that is scored.
      config: the size of a batch, and of a chunk.
      outputs: of each row that a chunk gives back.
    """
    batch_size = config.evaluation.global_batch_size
    batches = -(-split.examples // batch_size)
    return pipeline.Plan(
        examples=split.examples,
        global_batch_size=batch_size,
        replicas=strategy.num_replicas_in_sync,
        most_steps=pipeline.steps_that_fit(
            split,
            batch_size,
            min(batches, config.steps_per_execution),
            outputs,
        ),
        total_steps=batches,
        virtual_replicas=_shares(strategy, config),
    )


def _shares(strategy: tf.distribute.Strategy, config: Config) -> int | None:
    """Returns the config's shares; more where replicas of a later day are."""
    if config.virtual_replicas is None:
        return None
    return max(config.virtual_replicas, strategy.num_replicas_in_sync)


def evaluation_loop(
    strategy: tf.distribute.Strategy,
    network: Network,
    *,
    with_outputs: bool,
    virtual_replicas: int | None = None,
) -> Callable[[dict], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Makes the function that scores a chunk of batches, each row once.

    XLA is left out: a forward pass alone gains nothing by it here, and its
    compilation would cost more than many evaluations.

    Args:
      strategy: that the batches are spread by.
      network: whose scored model is run.
      with_outputs: whether each row's output is handed back, too.
      virtual_replicas: shares that a batch is parted into, or None.

    Returns:
      A function from a chunk to (float32 [K, sums] as in `Told`;
      int32 [outputs, 2, SCORE_BINS] of `roc_area.count`, or [0] where
      the problem has no area; float32 [K, rows of all replicas, outputs], or
      [K, 0] without outputs).
    """
    problem = network.problem
    width = len(problem.sum_names)
    of_rows = functools.partial(_of_rows, network)
    if virtual_replicas is not None:
        score = scoring_by_shares(
            Parting(virtual_replicas, strategy.num_replicas_in_sync), of_rows
        )

    def replica_step(chunk: dict, i: tf.Tensor) -> tuple:
        rows = (
            chunk["x"][i],
            chunk["y"][i],
            chunk["examples"][i],
            chunk["first_row"],
        )
        if virtual_replicas is not None:
            sums, counts, p = score(*rows)
            return sums, counts, p if with_outputs else tf.zeros([0])
        sums, counts, p = of_rows(*rows)
        if not is_single(strategy):
            context = tf.distribute.get_replica_context()
            sums, counts = context.all_reduce(
                tf.distribute.ReduceOp.SUM, [sums, counts]
            )
            p = context.all_gather(p, axis=0) if with_outputs else p
        return sums, counts, p if with_outputs else tf.zeros([0])

    shape = [0]
    if problem.has_area:
        shape = [problem.outputs, 2, roc_area.SCORE_BINS]

    @tf.function(autograph=False)
    def loop(chunk: dict) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        local = strategy.experimental_local_results
        slots = local(chunk["x"])[0].shape[0]
        steps = local(chunk["steps"])[0]

        def body(i, rows, counts, outputs):
            sums, counted, p = (
                local(each)[0]
                for each in strategy.run(replica_step, args=(chunk, i))
            )
            counts += tf.cast(counted, tf.int32)
            return i + 1, rows.write(i, sums), counts, outputs.write(i, p)

        rows = tf.TensorArray(tf.float32, slots, element_shape=[width])
        # Slots past the last step stay 0, of the shape of those written.
        outputs = tf.TensorArray(tf.float32, slots)
        _, rows, counts, outputs = tf.while_loop(
            lambda i, *_: i < steps,
            body,
            [tf.constant(0), rows, tf.zeros(shape, tf.int32), outputs],
        )
        return rows.stack(), counts, outputs.stack()

    return loop


def _of_rows(
    network: Network,
    x: tf.Tensor,
    y: tf.Tensor,
    examples: tf.Tensor,
    first_row: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the sums, the counts of the area, and the outputs of rows."""
    problem = network.problem
    y = problem.targets(y)
    row = first_row + tf.range(x.shape[0])
    is_real = tf.cast(row < examples, tf.float32)
    p = network.scored(network.normalization(x), training=False)
    losses = problem.row_losses(y, p)
    sums = problem.step_sums(y, p, losses, is_real)
    counts = tf.zeros([0])
    if problem.has_area:
        counts = roc_area.count(y, p, is_real)
    return sums, counts, p
