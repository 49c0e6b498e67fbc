"""What a run settles before its first step: its options, its chunks."""

from typing import Literal

import tensorflow as tf

from trainer.config import Config
from trainer.input import pipeline
from trainer.process.exits import UserError
from trainer.steps import training
from trainer.steps.options import StepOptions
from trainer.train.job import Job


def check_shares(config: Config, strategy: tf.distribute.Strategy) -> None:
    """Raises UserError where replicas cannot work off the config's shares."""
    shares, replicas = config.virtual_replicas, strategy.num_replicas_in_sync
    if shares is None:
        return
    if isinstance(strategy, tf.distribute.TPUStrategy):
        raise UserError(
            f"config.virtual_replicas={shares} does not fit --strategy=tpu,"
            " whose replicas share one program; set it to none"
        )
    if replicas > shares:
        raise UserError(
            f"config.virtual_replicas={shares} must not be less than the"
            f" {replicas} replicas of the job, each of which takes a share;"
            " use fewer devices or workers"
        )


def told_of_shares(plan: pipeline.Plan, parameters: int) -> str:
    """Returns a line that says how a step is parted, and what that costs.

    Args:
      plan: with shares.
      parameters: that are trained.
    """
    parting = plan.parting
    told = f"shares: {parting.shares} of {plan.share_rows} rows"
    if parting.replicas == 1:
        return f"{told}, one after the other"
    sums = len(parting.told())
    return (
        f"{told}, {parting.most} a replica at most; replicas tell each other"
        f" {sums} gradients ({4e-6 * sums * parameters:.3g} MB) a step"
    )


def step_options(job: Job) -> StepOptions:
    """Settles how a step is made, on the kind of devices that there are."""
    config = job.config
    compiled: Literal["step", "parts", "none"] = "none"
    gpus = tf.config.list_logical_devices("GPU")
    # A TPU's strategy has XLA compile each replica's program by itself; a
    # function that asks for it within has no compiler on the TPU's host.
    if config.jit_compile and job.strategy_name != "tpu":
        is_slow = config.precision == "bfloat16" and not gpus
        compiled = "parts" if is_slow else "step"
    return StepOptions(
        seed=config.seed,
        optimizer=config.optimizer,
        augmentation=config.data.augmentation,
        compiled=compiled,
        total_steps=job.epochs.total_steps,
        in_pieces=bool(
            gpus
            and compiled == "step"
            and training.is_single(job.strategy)
            and config.virtual_replicas is None
        ),
        virtual_replicas=config.virtual_replicas,
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
        virtual_replicas=config.virtual_replicas,
    )
