"""Trains what there is to do: what a command and a program's call share."""

import contextlib
from collections.abc import Callable

import tensorflow as tf

from trainer.devices import strategies
from trainer.process.moments import Moment
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.train import loop
from trainer.train import outside
from trainer.train import plan
from trainer.train.job import Job
from trainer.train.job import Work
from trainer.workdir.folder import STOP_FILE


def train(
    work: Work,
    build_strategy: Callable[[], tf.distribute.Strategy],
    stop: Stop,
    watchdog: Watchdog,
    *,
    max_secs: float | None = None,
) -> int:
    """Makes a job of the work, holds its workdir and trains.

    Args:
      work: from `preparation.prepare`.
      build_strategy: makes what the job runs on.
      stop: is told where its workdir is, and then asked.
      watchdog: that is not started yet.
      max_secs: age of the process at which the job stops.

    Returns:
      The exit code, as `loop.train_and_evaluate` does.

    Raises:
      UserError: the workdir is held by another process, or another run's; the
        config's shares do not fit the strategy.
      OSError: the disk is full or gone.
      ClusterError: a peer is gone.
    """
    place, workdir = work.place, work.workdir
    with (
        outside.named(workdir, place, work.dataset),
        watchdog,
        contextlib.ExitStack() as held,
    ):
        strategy = build_strategy()
        strategies.describe(strategy, place)
        plan.check_shares(work.config, strategy)
        last_alive = None
        if place.is_chief:
            unix_secs = held.enter_context(workdir.lock())
            last_alive = None if unix_secs is None else Moment(unix_secs)
            # Another run may have come and gone meanwhile.
            workdir.check(work.config)
            workdir.check_data(work.fingerprint)
        stop.begin_training(workdir / STOP_FILE, max_secs)
        job = Job(
            **vars(work),
            strategy=strategy,
            strategy_name=strategies.name_of(strategy),
            last_alive=last_alive,
        )
        return loop.train_and_evaluate(job, stop, watchdog)
