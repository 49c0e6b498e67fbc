"""Scores whole splits, each row once, on any strategy."""

import math
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
            kept: steps.evaluation_loop(strategy, network, with_outputs=kept)
            for kept in (False, True)
        }
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
        values = plan.examples * self._problem.outputs
        is_kept, parts = values <= self._most_outputs, []
        while step < plan.last_step:
            end = plan.chunk_end(step)
            sums, counts, outputs = self._loops[is_kept](
                next(self._chunks[split])
            )
            total += sums.numpy()[: end - step].astype(np.float64).sum(axis=0)
            if metrics.has_scores(self._problem):
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
        return {
            "examples": plan.examples,
            **metrics.values(self._problem, sums, plan.examples, scores),
        }

    def outputs(self, split: str) -> np.ndarray | None:
        """Returns each row's output at the last scoring.

        Returns:
          float32 [examples, outputs], values in the target's own units; None
          where there are more than `most_outputs`.
        """
        found = self._outputs.get(split)
        if found is None:
            return None
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
