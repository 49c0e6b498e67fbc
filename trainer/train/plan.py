"""What a run settles before its first step: its options, its chunks."""

from typing import Literal

import tensorflow as tf

from trainer.input import pipeline
from trainer.steps import training
from trainer.train.job import Job


def step_options(job: Job) -> training.StepOptions:
    """Settles how a step is made, on the kind of devices that there are."""
    config = job.config
    compiled: Literal["step", "parts", "none"] = "none"
    gpus = tf.config.list_logical_devices("GPU")
    # A TPU's strategy has XLA compile each replica's program by itself; a
    # function that asks for it within has no compiler on the TPU's host.
    if config.jit_compile and job.strategy_name != "tpu":
        is_slow = config.precision == "bfloat16" and not gpus
        compiled = "parts" if is_slow else "step"
    return training.StepOptions(
        seed=config.seed,
        optimizer=config.optimizer,
        augmentation=config.data.augmentation,
        compiled=compiled,
        total_steps=job.epochs.total_steps,
        in_pieces=bool(
            gpus and compiled == "step" and training.is_single(job.strategy)
        ),
    )


def training_plan(job: Job) -> pipeline.Plan:
    """Settles the order of the run and where its chunks end."""
    config, train = job.config, job.dataset.splits["train"]
    epochs, due = job.epochs, job.due
    longest = min(
        config.steps_per_execution, epochs.steps_per_epoch, epochs.total_steps
    )
    return pipeline.Plan(
        **vars(epochs),
        replicas=job.strategy.num_replicas_in_sync,
        micro_batches=config.optimizer.accumulation_steps,
        most_steps=pipeline.steps_that_fit(
            train, config.global_batch_size, longest
        ),
        seed=config.seed,
        cuts=due.cuts,
        ends=due.ends,
    )
