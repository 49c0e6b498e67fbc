"""Makes all parts of a run, in the order in which they need each other."""

import contextlib
import functools
from collections.abc import Callable
from collections.abc import Iterator

from trainer.journal.profile import Profile
from trainer.journal.writers import Writers
from trainer.model.network import Network
from trainer.problem import mistakes
from trainer.process import stopping
from trainer.process.clock import Clock
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.sources.streamed_rows import StreamedRows
from trainer.steps import meeting
from trainer.steps.evaluation import Evaluator
from trainer.train import restore
from trainer.train.accounts import Accounts
from trainer.train.health import Health
from trainer.train.job import Job
from trainer.train.keeping import ChiefKeeping
from trainer.train.keeping import Keeping
from trainer.train.run import Run
from trainer.train.scoring import Scoring
from trainer.train.state import State


@contextlib.contextmanager
def opened(
    job: Job, network: Network, state: State, watchdog: Watchdog, stop: Stop
) -> Iterator[Run]:
    """Opens the workdir's files, and closes them whatever happens.

    Args:
      job: what to work on.
      network: that is trained.
      state: where the run stands.
      watchdog: told of what ends.
      stop: asked while splits are scored.
    """
    epochs, replicas = job.epochs, job.strategy.num_replicas_in_sync
    is_chief = job.place.is_chief
    keeping = (ChiefKeeping if is_chief else Keeping)(job, network, state)
    writers = keeping.writers
    clock = Clock(
        keeping.spent_secs, watchdog.clock.secs, age_secs=job.age_secs
    )
    with contextlib.closing(keeping):
        yield Run(
            epochs=epochs,
            due=job.due,
            state=state,
            clock=clock,
            watchdog=watchdog,
            profile=Profile(
                keeping.profile_steps,
                job.workdir,
                clock,
                network,
                -(-job.config.global_batch_size // replicas),
            ),
            accounts=Accounts(
                job.problem, epochs, clock, state, job.place.workers
            ),
            health=_health(job, writers, state),
            scoring=_scoring(job, network, state, clock, writers, watchdog),
            keeping=keeping,
            writers=writers,
            replicas=replicas,
            is_streamed=isinstance(job.dataset.splits["train"].x, StreamedRows),
            workdir=job.workdir,
            meet=meeting.barrier(job.strategy),
            asked=_asked(job, stop),
        )


def _asked(job: Job, stop: Stop) -> Callable[[], int | None]:
    if job.place.workers > 1:
        # They agree on a request in the steps of a chunk, and nowhere else.
        return lambda: None
    return lambda: stopping.code_of(stop.poll())


def _health(job: Job, writers: Writers, state: State) -> Health:
    return Health(
        writers,
        job.place,
        state.alerts,
        replicas=job.strategy.num_replicas_in_sync,
        global_batch_size=job.config.global_batch_size,
        steps_per_epoch=job.epochs.steps_per_epoch,
        guess_loss=functools.partial(
            job.problem.guess_loss, job.dataset.splits["train"]
        ),
    )


def _scoring(
    job: Job,
    network: Network,
    state: State,
    clock: Clock,
    writers: Writers,
    watchdog: Watchdog,
) -> Scoring:
    evaluator_of = functools.partial(
        Evaluator,
        job.strategy,
        config=job.config,
        most_outputs=mistakes.MOST_VALUES,
    )
    return Scoring(
        evaluator_of,
        network=network,
        dataset=job.dataset,
        config=job.config.evaluation,
        epochs=job.epochs,
        state=state,
        clock=clock,
        writers=writers,
        watchdog=watchdog,
        restore_best=functools.partial(restore.best, network, job.workdir),
    )
