"""The loop of several runs whose networks train as one program.

Each is an ordinary run with a workdir of its own: only its steps are taken
beside the others'. One that stands behind, since a kill came between two
checkpoints, catches up first; one that is over or diverged is left as it is.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.input import pipeline
from trainer.model import network as networks
from trainer.process import stopping
from trainer.process.clock import BESIDE
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exits import STOPS
from trainer.process.stopping import Stop
from trainer.process.watchdog import Watchdog
from trainer.steps import stacked
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train import restore
from trainer.train.accounts import DivergedError
from trainer.train.job import Job
from trainer.train.opening import opened
from trainer.train.run import Run
from trainer.workdir.folder import STOP_FILE


@dataclasses.dataclass
class _Member:
    """One of the runs.

    Attributes:
      job: what it works on.
      network: that learns.
      plan: of its steps.
      chunks: of its rows, from where it stands.
      run: its parts.
      code: by which a process of its own would have left; None while it goes
        on.
    """

    job: Job
    network: networks.Network
    plan: pipeline.Plan
    chunks: Iterator[dict[str, tf.Tensor]]
    run: Run
    code: int | None = None

    @property
    def step(self) -> int:
        """Where it stands."""
        return self.run.state.step

    def take_in(
        self, sums: np.ndarray, rate: float, traces: int, code: int | None
    ) -> None:
        """Takes in a chunk that was trained: accounts, scores, saves, ends.

        Args:
          sums: float32 [slots, sums] of its rows.
          rate: of the step that comes.
          traces: how often the program was traced by now.
          code: of the process, where it was asked to stop.
        """
        run, steps = self.run, self.plan.chunk_end(self.step) - self.step
        if (self.job.workdir / STOP_FILE).exists():
            code = STOPPED_BY_USER
        with self._or_diverged():
            run.account(sums[:steps], np.zeros(1), traces)
            if code := run.end_chunk(rate, code):
                self.code = run.finish("stopped", code)
        self.end_where_over()

    def settle(self) -> None:
        """Does what an earlier start left, and ends it where it is over."""
        with self._or_diverged():
            if code := self.run.settle():
                self.code = self.run.finish("stopped", code)
        self.end_where_over()

    def end_where_over(self) -> None:
        """Scores it and writes the result, where no step is left to take."""
        if self.code is None and self.run.is_over:
            with self._or_diverged():
                self.code = self.run.finish("done", DONE)
                self.tell("done")

    @contextlib.contextmanager
    def _or_diverged(self) -> Iterator[None]:
        """Ends the run where its loss is not finite."""
        try:
            yield
        except DivergedError as reason:
            self.tell(str(reason))
            self.code = self.run.finish("diverged", DIVERGED)

    def tell(self, words: str) -> None:
        """Prints a line that says which run it is of."""
        print(f"{self.job.workdir.path}: {words}", flush=True)


def train_and_evaluate(
    jobs: Sequence[Job], stop: Stop, watchdog: Watchdog
) -> int:
    """Trains runs from their newest good checkpoints to their ends.

    Args:
      jobs: what to work on, of one shape, on one device.
      stop: asked at each chunk's end whether to end there.
      watchdog: told of each chunk's end.

    Returns:
      The exit code: 0 where each is done or diverged, 42 or 43 where one
      stopped with a checkpoint.

    Raises:
      UserError: a workdir's checkpoints are another model's, or all torn.
      OSError: the disk is full or gone.
    """
    with contextlib.ExitStack() as held:
        members = [_member(job, watchdog, stop, held) for job in jobs]
        train_chunk = stacked.training_loop(
            [member.network for member in members],
            [job.config for job in jobs],
            plan_lib.step_options(jobs[0]),
        )
        for member in members:
            member.settle()
        while left := [m for m in members if m.code is None]:
            step = min(member.step for member in left)
            _train(members, step, train_chunk, stop, watchdog)
    return max((m.code for m in members if m.code in STOPS), default=DONE)


def _member(
    job: Job, watchdog: Watchdog, stop: Stop, held: contextlib.ExitStack
) -> _Member:
    """Builds a network, and opens its run until `held` is closed."""
    train, plan = job.dataset.splits["train"], plan_lib.training_plan(job)
    network = networks.build(
        job.config,
        job.problem,
        job.dataset,
        job.strategy,
        job.epochs.total_steps,
        stateless=True,
    )
    network, state = restore.begin(network, job)
    chunks = pipeline.distribute(
        job.strategy, train, plan, first_step=state.step
    )
    run = held.enter_context(opened(job, network, state, watchdog, stop))
    return _Member(job, network, plan, chunks, run)


def _train(
    members: Sequence[_Member],
    step: int,
    train_chunk: Any,
    stop: Stop,
    watchdog: Watchdog,
) -> None:
    """Trains those that stand at a step, for a chunk."""
    is_active = [m.code is None and m.step == step for m in members]
    own = [
        member.run.next_chunk(member.chunks) if active else None
        for member, active in zip(members, is_active, strict=True)
    ]
    # Whose rows stand for those of one that stays as it is, is all the same.
    any_chunk = next(chunk for chunk in own if chunk is not None)
    with contextlib.ExitStack() as counted:
        for member, active in zip(members, is_active, strict=True):
            if active:
                counted.enter_context(member.run.clock.count_chunk())
        told = train_chunk(
            [any_chunk if chunk is None else chunk for chunk in own],
            tf.constant(is_active),
        )
        sums, rates = told.sums.numpy(), told.learning_rates.numpy()
    # Once for all of them: the limit follows how long a chunk takes.
    watchdog.beat(
        max(
            member.plan.chunk_end(step)
            for member, active in zip(members, is_active, strict=True)
            if active
        )
    )
    code = stopping.code_of(stop.poll())
    traces = training.traces(train_chunk)
    for place, (member, active) in enumerate(
        zip(members, is_active, strict=True)
    ):
        if not active:
            continue
        with contextlib.ExitStack() as waiting:
            for other in members:
                if other is not member and other.code is None:
                    waiting.enter_context(other.run.clock.count(BESIDE))
            member.take_in(sums[:, place], float(rates[place]), traces, code)
