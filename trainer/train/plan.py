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
    if config.jit_compile:
        others = [tf.config.list_logical_devices(k) for k in ("GPU", "TPU")]
        is_slow = config.precision == "bfloat16" and not any(others)
        compiled = "parts" if is_slow else "step"
    return training.StepOptions(
        seed=config.seed,
        micro_batches=config.optimizer.accumulation_steps,
        clip_norm=config.optimizer.clip_norm,
        ema_decay=config.optimizer.ema_decay,
        compiled=compiled,
        augmentation=config.data.augmentation,
        total_steps=job.total_steps,
    )


def training_plan(job: Job) -> pipeline.Plan:
    """Settles the order of the run and where its chunks end."""
    config, train = job.config, job.dataset.splits["train"]
    longest = min(
        config.steps_per_execution, job.steps_per_epoch, job.total_steps
    )
    cuts = (
        config.log.every_steps,
        config.log.norms_every_steps,
        config.log.histograms_every_steps,
        config.evaluation.every_steps,
        config.checkpoint.every_steps,
        config.checkpoint.keep_every_steps,
    )
    return pipeline.Plan(
        examples=train.examples,
        global_batch_size=config.global_batch_size,
        replicas=job.strategy.num_replicas_in_sync,
        micro_batches=config.optimizer.accumulation_steps,
        most_steps=pipeline.steps_that_fit(
            train, config.global_batch_size, longest
        ),
        last_step=job.total_steps,
        seed=config.seed,
        cuts=tuple(cut for cut in cuts if cut),
        ends=tuple(step for step in job.profile_steps or () if step),
    )
