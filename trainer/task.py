"""Entry point: flags -> cluster -> workdir and data -> job -> train.

What a user can get wrong is found first, most of it before TensorFlow is
imported, and told in one line; exit code 2.
"""

import contextlib
import errno
import importlib.metadata
import os
import sys

from trainer import flags as flags_lib
from trainer import sources
from trainer.cluster import collective_errors
from trainer.cluster import discovery
from trainer.cluster import joining
from trainer.cluster.place import Cluster
from trainer.config import Config
from trainer.devices import choice
from trainer.devices import start
from trainer.flags import Flags
from trainer.journal.display import Display
from trainer.journal.json_lines import JsonDisplay
from trainer.problem import problems
from trainer.problem.problems import Problem
from trainer.process import heartbeat
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import ClusterError
from trainer.process.exits import DONE
from trainer.process.exits import leave
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.stopping import Stop
from trainer.process.watchdog import FIRST_SECS
from trainer.process.watchdog import LEAST_SECS
from trainer.process.watchdog import Watchdog
from trainer.storage import staging
from trainer.train import record
from trainer.train.job import Job
from trainer.train.job import Work
from trainer.workdir.folder import STOP_FILE
from trainer.workdir.folder import Workdir
from trainer.workdir.location import Location
from trainer.workdir.location import open_location

_DISK_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EROFS,
    errno.EPERM,
    errno.EACCES,
    errno.ESTALE,
)


@verb
def main(argv: list[str]) -> int:
    """Runs the job; tells a mistake or a failure from outside in one line."""
    heartbeat.start(os.environ)
    stop = Stop()
    try:
        with stop.listening():
            return run(argv, stop)
    except ClusterError as error:
        tell(f"a peer or the cluster failed: {error}")
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise
        tell(
            f"the disk failed: {error}; what was saved before stands, so mend"
            " it and start again"
        )
    return CLUSTER_FAILED


def run(argv: list[str], stop: Stop) -> int:
    """Runs the job; returns the exit code.

    Raises:
      UserError: before anything is written.
    """
    flags, config = flags_lib.parse(argv)
    if flags.help:
        print(flags_lib.help_text(), end="")
        return DONE
    is_json = flags.log_format == "json"
    display = JsonDisplay() if is_json else Display(flags.log_secs)
    with display.shown():
        _check_packages()
        place = discovery.enter(flags.cluster, os.environ)
        strategy_name = choice.fit_strategy(
            flags.strategy, place, flags.devices, flags.tpu
        )
        with open_location(flags.run_workdir, place) as location:
            work = _prepare(flags, config, place, location, display)
            if work is None:
                return DONE
            code = _train(flags, work, strategy_name, stop)
            if code == DONE and place.is_chief and config.log.report:
                from trainer.reports import report

                report.write_at_the_end(str(work.workdir.path))
            return code


def _prepare(
    flags: Flags,
    config: Config,
    place: Cluster,
    location: Location,
    display: Display,
) -> Work | None:
    """Checks the workdir and the data, and meets the peers.

    Returns:
      What there is to do; None where the run is finished.

    Raises:
      UserError: before anything is written.
    """
    profile_steps = flags.profiled
    workdir = Workdir(location.folder)
    finished = workdir.check(config)
    init_from = _init_from(flags.init_from)
    if place.is_chief:
        workdir.check_unlocked()
    dataset = sources.load(
        config.data, seed=config.seed, data_dir=flags.data_dir
    )
    fingerprint = sources.fingerprint(dataset)
    workdir.check_data(fingerprint)
    if finished:
        print(f"{workdir.path} is finished at step {finished['step']}")
        return None
    joining.join(
        place,
        {**record.facts(config, fingerprint), **location.facts},
        location.shared,
        flags.join_secs,
    )
    location.settle()
    problem, dataset = problems.settle(config, dataset)
    _describe(dataset, problem)
    return Work(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint=fingerprint,
        workdir=workdir,
        place=place,
        init_from=init_from,
        display=display,
        profile_steps=profile_steps,
    )


def _init_from(name: str | None) -> Workdir | None:
    """Returns a local copy of another run, whose weights are taken."""
    if name is None:
        return None
    folder = staging.localize(name)
    other = Workdir(folder)
    if not other.checkpoints.is_dir():
        raise UserError(
            f"--init_from={folder} holds no checkpoints; name a run's workdir"
        )
    return other


def _train(flags: Flags, work: Work, strategy_name: str, stop: Stop) -> int:
    """Imports TensorFlow, makes the strategy and trains."""
    with start.eased():
        import tensorflow as tf

        from trainer.devices import strategies
        from trainer.model import optimizers
        from trainer.train import loop

        tf.config.list_physical_devices()
    place, workdir = work.place, work.workdir
    strategies.prepare_devices(flags.cpu_devices, flags.require_gpus, place)
    optimizers.set_precision(work.config.precision)
    # A peer may wait for as long as the chief's disk takes.
    patience_secs = LEAST_SECS if place.is_chief else FIRST_SECS
    try:
        with contextlib.ExitStack() as held:
            watchdog = held.enter_context(Watchdog(least_secs=patience_secs))
            strategy = strategies.build(
                strategy_name, devices=flags.devices, tpu=flags.tpu
            )
            strategies.describe(strategy, place)
            last_alive_unix_secs = None
            if place.is_chief:
                last_alive_unix_secs = held.enter_context(workdir.lock())
                # Another run may have come and gone meanwhile.
                workdir.check(work.config)
                workdir.check_data(work.fingerprint)
            stop.begin_training(workdir / STOP_FILE, flags.max_secs)
            job = Job(
                **vars(work),
                strategy=strategy,
                strategy_name=strategies.name_of(strategy),
                last_alive_unix_secs=last_alive_unix_secs,
            )
            return loop.train_and_evaluate(job, stop, watchdog)
    except FileNotFoundError:
        workdir.check_there()
        raise
    except tf.errors.OpError as error:
        # TensorFlow itself writes the event files, and has its own errors.
        if os.strerror(errno.ENOSPC) in error.message:
            raise OSError(errno.ENOSPC, error.message) from error
        if place.is_chief:
            workdir.check_there()
        if place.workers == 1:
            raise
        raise ClusterError(
            collective_errors.explain(error.message, place)
        ) from error


def _check_packages() -> None:
    """`tensorflow` and `tensorflow-tpu` overwrite each other's files."""
    found = {
        str(d.metadata["Name"]).lower()
        for d in importlib.metadata.distributions()
    }
    if {"tensorflow", "tensorflow-tpu"} <= found:
        raise UserError(
            "both tensorflow and tensorflow-tpu are installed, and hold the"
            " same files; make an environment with one of them"
        )


def _describe(dataset: sources.Dataset, problem: Problem) -> None:
    """Prints what was found in the data."""
    rows = ", ".join(f"{k} {s.examples}" for k, s in dataset.splits.items())
    x = dataset.splits["train"].x
    shape = "x".join(str(n) for n in x.shape[1:])
    print(
        f"data: {dataset.name}, {dataset.kind}, {x.dtype} {shape}; {rows}\n"
        f"problem: {problem.type}, outputs: {problem.outputs}, loss:"
        f" {problem.loss}",
        flush=True,
    )


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
