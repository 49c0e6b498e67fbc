"""Trains what there is to do: what a command and a program's call share."""

import contextlib
import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from trainer.devices import strategies
from trainer.model import optimizers
from trainer.process.moments import Moment
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.train import loop
from trainer.train import outside
from trainer.train import plan
from trainer.train import side_by_side
from trainer.train.job import Job
from trainer.train.job import Work
from trainer.workdir.folder import STOP_FILE
from trainer.workdir.lease import leave
from trainer.workdir.lease import OnLost


def train(
    work: Work,
    build_strategy: Callable[[], tf.distribute.Strategy],
    stop: Stop,
    watchdog: Watchdog,
    *,
    max_secs: float | None = None,
    ends_process: bool = False,
) -> int:
    """Makes a job of the work, holds its workdir and trains.

    Args:
      work: from `preparation.prepare`.
      build_strategy: makes what the job runs on.
      stop: is told where its workdir is, and then asked.
      watchdog: that is not started yet.
      max_secs: age of the process at which the job stops.
      ends_process: whether the process is ended after it, by `exits.leave`, and
        where the workdir is lost; else `stop` is told of that.

    Returns:
      The exit code, as `loop.train_and_evaluate` does.

    Raises:
      UserError: the workdir is held by another process, or another run's; the
        config's shares do not fit the strategy, or the run the memory.
      OSError: the disk is full or gone, or the workdir was lost.
      ClusterError: a peer is gone.
    """
    place, workdir = work.place, work.workdir
    with (
        outside.named(work),
        watchdog,
        contextlib.ExitStack() as held,
    ):
        strategy = build_strategy()
        strategies.describe(strategy, place)
        _warn_of_precision(work, strategy)
        plan.check_shares(work.config, strategy)
        on_lost = leave if ends_process else stop.lose
        job = _held_job(work, strategy, stop, held, on_lost)
        stop.begin_training(workdir / STOP_FILE, max_secs)
        code = loop.train_and_evaluate(
            job, stop, watchdog, ends_process=ends_process
        )
        stop.end_training()
        return code


def train_side_by_side(
    works: Sequence[Work], stop: Stop, watchdog: Watchdog
) -> int:
    """Trains runs of one shape as one program, on this process's own device.

    Args:
      works: a group of `groups.groups_of`.
      stop: asked at each chunk's end whether to end there.
      watchdog: that is not started yet.

    Returns:
      The exit code: 0 where each is done or diverged, 42 or 43 where not.

    Raises:
      UserError: a workdir is held by another process, or another run's.
      OSError: the disk is full or gone.
    """
    strategy = tf.distribute.get_strategy()
    _warn_of_precision(works[0], strategy)
    with watchdog, contextlib.ExitStack() as held:
        jobs = []
        for work in works:
            held.enter_context(outside.named(work))
            job = _held_job(work, strategy, stop, held)
            jobs.append(dataclasses.replace(job, networks=len(works)))
        stop.begin_training(None, None)
        return side_by_side.train_and_evaluate(jobs, stop, watchdog)


def _warn_of_precision(work: Work, strategy: tf.distribute.Strategy) -> None:
    optimizers.warn_of_precision(
        work.config.precision, is_tpu=strategies.name_of(strategy) == "tpu"
    )


def _held_job(
    work: Work,
    strategy: tf.distribute.Strategy,
    stop: Stop,
    held: contextlib.ExitStack,
    on_lost: OnLost = leave,
) -> Job:
    """Makes a job, whose workdir is held where this process is the chief."""
    workdir, last_alive = work.workdir, None
    if work.place.is_chief:
        unix_secs = held.enter_context(workdir.lock(on_lost))
        last_alive = None if unix_secs is None else Moment(unix_secs)
        # Another run may have come and gone meanwhile.
        workdir.check(work.config)
        workdir.check_data(work.fingerprint, work.rows_sha256)
    return Job(
        **vars(work),
        strategy=strategy,
        strategy_name=strategies.name_of(strategy),
        last_alive=last_alive,
        check_held=stop.check_held,
    )
