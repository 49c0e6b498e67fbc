"""Scores whole splits, each row once, on any strategy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer import metrics
from trainer import pipeline
from trainer import problems
from trainer import steps
from trainer.config import Config
from trainer.network import Network
from trainer.sources import Dataset
from trainer.sources import Split


class Evaluator:
    """Holds the compiled evaluation and each split's chunks."""

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        network: Network,
        config: Config,
        dataset: Dataset,
    ) -> None:
        self._problem = network.problem
        self._strategy, self._network = strategy, network
        self._loop = steps.evaluation_loop(strategy, network)
        self._plans: dict[str, pipeline.Plan] = {}
        self._chunks: dict[str, Any] = {}
        for name, split in dataset.splits.items():
            if name == "train":
                continue
            self._plans[name] = plan_of(strategy, split, config)
            # Kept for all evaluations: to make an iterator takes longer than
            # to score a small split.
            self._chunks[name] = pipeline.distribute(
                strategy, split, self._plans[name], repeat=True
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
        names = metrics.sum_names(self._problem)
        total = np.zeros(len(names))
        scores = None
        while step < plan.last_step:
            end = plan.chunk_end(step)
            sums, counts = self._loop(next(self._chunks[split]))
            total += sums.numpy()[: end - step].astype(np.float64).sum(axis=0)
            if metrics.has_scores(self._problem):
                counts = counts.numpy().astype(np.int64)
                scores = counts if scores is None else scores + counts
            step = end
            on_chunk()
        sums = dict(zip(names, total.tolist(), strict=True))
        return {
            "examples": plan.examples,
            **metrics.values(self._problem, sums, plan.examples, scores),
        }

    def outputs(
        self, split: str, on_chunk: Callable[[], None] = lambda: None
    ) -> np.ndarray:
        """Returns each row's output, float32 [examples, outputs].

        In the batches, and on the replicas, in which the rows are scored; on
        all workers; values in the target's own units.

        Args:
          split: its name.
          on_chunk: called after each chunk of batches.
        """
        plan, parts, step = self._plans[split], [], 0
        run = steps.output_loop(self._strategy, self._network, plan)
        while step < plan.last_step:
            end = plan.chunk_end(step)
            part = run(next(self._chunks[split])).numpy()[: end - step]
            # Rows past the batch are padding for the last replicas.
            part = part[:, : plan.global_batch_size]
            parts.append(part.reshape(-1, part.shape[-1]))
            step = end
            on_chunk()
        found = np.concatenate(parts)[: plan.examples]
        return problems.to_values(self._problem, found)


def plan_of(
    strategy: tf.distribute.Strategy, split: Split, config: Config
) -> pipeline.Plan:
    """Settles the batches in which a split is scored, in its stored order."""
    batch_size = config.evaluation.global_batch_size
    batches = -(-split.examples // batch_size)
    return pipeline.Plan(
        examples=split.examples,
        global_batch_size=batch_size,
        replicas=strategy.num_replicas_in_sync,
        most_steps=pipeline.steps_that_fit(
            split, batch_size, min(batches, config.steps_per_execution)
        ),
        last_step=batches,
    )
