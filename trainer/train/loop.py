"""The one readable loop: data, model, restore; chunk, log, evaluate, save."""

import tensorflow as tf

from trainer.input import pipeline
from trainer.model import network as networks
from trainer.model.network import Network
from trainer.process import stopping
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import UserError
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.steps import meeting
from trainer.steps import preview
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train.job import Job
from trainer.train.job import State
from trainer.train.run import DivergedError
from trainer.train.run import Run
from trainer.workdir import checkpoints
from trainer.workdir.folder import Workdir

# With several replicas TensorFlow takes up to a minute to delete these; the
# process ends without, by `exits.leave`.
_kept: list = []


def train_and_evaluate(job: Job, stop: Stop, watchdog: Watchdog) -> int:
    """Trains from the newest good checkpoint to the end, and scores it.

    Args:
      job: what to work on.
      stop: asked at each chunk's start whether to end there.
      watchdog: told of each chunk's end.

    Returns:
      The exit code: 0 done, 3 diverged, 42 or 43 stopped with a checkpoint.

    Raises:
      UserError: the workdir's checkpoints are another model's, or all torn.
      OSError: the disk is full or gone.
    """
    network = networks.build(
        job.config, job.problem, job.dataset, job.strategy, job.total_steps
    )
    network, state = restore(network, job)
    if job.place.workers > 1 and not meeting.is_same_on_all(
        job.strategy, state.step
    ):
        raise UserError(
            f"--workdir={job.workdir.path}: the workers see different"
            " checkpoints; it must be one folder that all of them share"
        )
    plan = plan_lib.training_plan(job)
    chunks = pipeline.distribute(
        job.strategy,
        job.dataset.splits["train"],
        plan,
        first_step=state.step,
    )
    options = plan_lib.step_options(job)
    train_chunk = training.training_loop(
        job.strategy, network, options, job.place
    )
    look_ahead = preview.look_ahead(job.strategy, network, options)
    with Run(job, network, state, watchdog).open() as run:
        if job.strategy.num_replicas_in_sync > 1:
            _kept.extend((network, chunks, train_chunk, look_ahead, run))
        try:
            while not run.at_end():
                run.begin_chunk()
                with run.clock.count("input_wait"):
                    chunk = next(chunks)
                if run.is_looking_due():
                    run.look(look_ahead, chunk)
                with run.clock.count_chunk():
                    asked = tf.constant(stop.poll())
                    with run.profile.stage("dispatch"):
                        told = train_chunk(chunk, asked)
                    with run.profile.stage("device"):
                        told = training.Told(*(each.numpy() for each in told))
                steps_done = plan.chunk_end(state.step) - state.step
                traces = training.traces(train_chunk)
                run.account(told.sums[:steps_done], told.own_secs, traces)
                improved = run.evaluate_where_due()
                run.log(float(told.learning_rate))
                code = stopping.code_of(told.flags)
                if improved or code or run.is_saving_due():
                    run.save()
                if code and not run.at_end():
                    return run.finish("stopped", code)
            return run.finish("done", DONE)
        except DivergedError as reason:
            print(reason, flush=True)
            return run.finish("diverged", DIVERGED)


def restore(network: Network, job: Job) -> tuple[Network, State]:
    """Puts the newest good checkpoint into the network.

    Returns:
      The network, and where the run stands; both as they were where there is
      no checkpoint, but for the weights that `init_from` gives.
    """
    path = checkpoints.newest_good(job.workdir.checkpoints)
    if path is None:
        if job.init_from is not None:
            initialise(network, Workdir(job.init_from))
        return network, State()
    arrays, scalars = checkpoints.read(path)
    state = State(**scalars)
    print(f"going on from {path.name}", flush=True)
    return network.restored(arrays), state


def initialise(network: Network, other: Workdir) -> None:
    """Begins with another run's weights, and says which.

    Raises:
      UserError: it has no checkpoint, or no weight of the same name and shape.
    """
    path = checkpoints.chosen(other.checkpoints)
    if path is None:
        raise UserError(
            f"--init_from={other.path} holds no checkpoint; name a run's"
            " workdir"
        )
    taken, left = network.adopt(checkpoints.read(path)[0])
    if not taken:
        raise UserError(
            f"--init_from={other.path}: no weight of {path.name} has the name"
            f" and shape of one here ({', '.join(left)})"
        )
    words = f"; begun anew: {', '.join(left)}" if left else ""
    print(f"{taken} weights from {path}{words}", flush=True)
