"""The one readable loop: data, model, restore; chunk, log, evaluate, save."""

from typing import Any

import tensorflow as tf

from trainer.input import pipeline
from trainer.model import network as networks
from trainer.process import stopping
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.steps import preview
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train import restore
from trainer.train.accounts import DivergedError
from trainer.train.job import Job
from trainer.train.opening import opened

# With several replicas TensorFlow takes up to a minute to delete these; a
# process that `exits.leave` ends does without.
_kept: list[Any] = []


def train_and_evaluate(
    job: Job, stop: Stop, watchdog: Watchdog, *, ends_process: bool = False
) -> int:
    """Trains from the newest good checkpoint to the end, and scores it.

    Args:
      job: what to work on.
      stop: asked at each chunk's start whether to end there.
      watchdog: told of each chunk's end.
      ends_process: whether the process is ended after it, by `exits.leave`.

    Returns:
      The exit code: 0 done, 3 diverged, 42 or 43 stopped with a checkpoint.

    Raises:
      UserError: the workdir's checkpoints are another model's, or all torn.
      OSError: the disk is full or gone.
    """
    strategy, train = job.strategy, job.dataset.splits["train"]
    total_steps = job.epochs.total_steps
    network = networks.build(
        job.config, job.problem, job.dataset, strategy, total_steps
    )
    network, state = restore.begin(network, job)
    if network.normalization.told is not None:
        print(f"data: {network.normalization.told}", flush=True)
    options, plan = plan_lib.step_options(job), plan_lib.training_plan(job)
    if plan.virtual_replicas is not None:
        parameters = network.model.count_params()
        print(plan_lib.told_of_shares(plan, parameters), flush=True)
    chunks = pipeline.distribute(strategy, train, plan, first_step=state.step)
    preview_step = preview.previewer(strategy, network, options)
    train_chunk = training.training_loop(
        strategy,
        network,
        options,
        worker=job.place.index,
        workers=job.place.workers,
    )
    with opened(job, network, state, watchdog, stop) as run:
        if ends_process and strategy.num_replicas_in_sync > 1:
            _kept.extend((network, chunks, train_chunk, preview_step, run))
        try:
            if code := run.settle():
                return run.finish("stopped", code)
            while not run.is_over:
                chunk = run.next_chunk(chunks)
                run.preview_where_due(preview_step, chunk)
                with run.clock.count_chunk():
                    asked = tf.constant(stop.poll())
                    with run.profile.stage("dispatch"):
                        told = train_chunk(chunk, asked)
                    with run.profile.stage("device"):
                        told = training.Told(*(each.numpy() for each in told))
                steps_done = plan.chunk_end(state.step) - state.step
                traces = training.traces(train_chunk)
                run.account(told.sums[:steps_done], told.own_secs, traces)
                watchdog.beat(state.step)
                code = stopping.code_of(told.flags)
                if code := run.end_chunk(float(told.learning_rate), code):
                    return run.finish("stopped", code)
            return run.finish("done", DONE)
        except DivergedError as reason:
            print(reason, flush=True)
            return run.finish("diverged", DIVERGED)
