"""What the chief keeps and says of a run; the other processes do neither."""

import contextlib
import dataclasses
import hashlib
import pathlib
import time
from typing import Any

from trainer.journal.writer import Ending
from trainer.journal.writer import Subject
from trainer.journal.writers import open_workers_writers
from trainer.journal.writers import open_writers
from trainer.journal.writers import Writers
from trainer.model.network import Network
from trainer.model.network import PortableModel
from trainer.process import moments
from trainer.process.clock import Clock
from trainer.sources import sketch
from trainer.train import record
from trainer.train import result
from trainer.train.job import Job
from trainer.train.result import Outcome
from trainer.train.state import State
from trainer.workdir import attempt
from trainer.workdir import checkpoints
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.folder import SAVE_FILE
from trainer.workdir.folder import SKETCH_FILE
from trainer.workdir.folder import STOP_FILE

IDENTITY_DIGITS = 16


class Keeping:
    """Keeps nothing, and tells nobody but those who ask each worker.

    Attributes:
      writers: that are told what happens.
      spent_secs: by category, of the run until this process began.
      profile_steps: (first, last) of the steps to trace, or None.
    """

    def __init__(self, job: Job, network: Network, state: State) -> None:
        """Takes what is worked on, what is trained, and where it stands."""
        self.writers: Writers = open_workers_writers(
            _subject(job, network, state), job.outlets
        )
        self.spent_secs: dict[str, float] = {}
        self.profile_steps: tuple[int, int] | None = None

    def is_due(self, state: State) -> bool:
        """Returns whether a checkpoint is due where the run stands."""
        return False

    def save(self, state: State) -> None:
        """Begins to write a checkpoint of the network as it is."""

    def wait(self) -> None:
        """Returns when all checkpoints are written."""

    def finish(self, outcome: Outcome, state: State, clock: Clock) -> None:
        """Writes the result, and tells of it."""

    def close(self) -> None:
        """Closes all files."""


class ChiefKeeping(Keeping):
    """Keeps attempts, checkpoints and the result in the workdir."""

    def __init__(self, job: Job, network: Network, state: State) -> None:
        """Notes what runs, introduces it, and makes ready to save.

        Args:
          job: what is worked on.
          network: that is trained.
          state: that this process goes on from.
        """
        self._job, self._network = job, network
        self._workdir, self._config = job.workdir, job.config.checkpoint
        self._due = job.due.checkpoint
        self.profile_steps = job.profile_steps
        began = moments.now().before(job.age_secs())
        _note_what_runs(job, network, state)
        self._attempt, lost = attempt.begin(
            self._workdir,
            began,
            state.saved,
            state.step,
            job.last_alive,
        )
        names = state.goodput.keys() | lost.keys()
        self.spent_secs = {
            n: state.goodput.get(n, 0.0) + lost.get(n, 0.0) for n in names
        }
        self.writers = open_writers(
            dataclasses.replace(
                _subject(job, network, state),
                restarts=self._attempt.attempt - 1,
                identity=_identity(job, self._attempt),
            ),
            job.display,
            job.outlets,
            job.check_held,
        )
        self.writers.introduce()
        checkpoints.clean(self._workdir.checkpoints)
        self._saver = checkpoints.Saver(
            self._workdir.checkpoints,
            self._config,
            PortableModel(job.config, network).save,
            self.writers.saved,
        )
        self._saved_secs = time.monotonic()

    def is_due(self, state: State) -> bool:
        age_secs = time.monotonic() - self._saved_secs
        every_secs = self._config.every_secs
        return (
            self._due.is_due(state)
            or bool(every_secs and age_secs >= every_secs)
            or (self._workdir / SAVE_FILE).exists()
        )

    def save(self, state: State) -> None:
        self._job.check_held()
        _take_away(self._workdir / SAVE_FILE)
        state.note_saved(moments.now())
        self.writers.goodput(state.step, state.goodput)
        self.writers.sync()
        self._saver.save(
            state.step,
            self._network.snapshot(),
            dataclasses.asdict(state),
            state.best_step,
        )
        self._saved_secs = time.monotonic()

    def wait(self) -> None:
        self._saver.wait()

    def finish(self, outcome: Outcome, state: State, clock: Clock) -> None:
        self._job.check_held()
        values = result.values(
            self._job, self._network, self._attempt, outcome, state, clock
        )
        # Nobody writes the last lines again once there is a result.
        self.writers.sync()
        self._workdir.write_json(RESULT_FILE, values)
        self._attempt.end(self._workdir, outcome.code, state.step)
        _take_away(self._workdir / STOP_FILE)
        step_secs = outcome.train_secs / max(1, outcome.steps)
        self.writers.end(Ending(values, step_secs, state.stopped_early))

    def close(self) -> None:
        self.writers.close()
        self._saver.close()


def _identity(job: Job, began: attempt.Attempt) -> str:
    """Names the run by its data and by when its first process was started."""
    words = f"{job.fingerprint} {began.run_began_unix_secs}"
    return hashlib.sha256(words.encode()).hexdigest()[:IDENTITY_DIGITS]


def _take_away(asked: pathlib.Path) -> None:
    """Removes what a user asked by: a file, or a folder of that name."""
    if asked.is_dir():
        with contextlib.suppress(OSError):  # it holds something
            asked.rmdir()
    else:
        asked.unlink(missing_ok=True)


def _subject(job: Job, network: Network, state: State) -> Subject:
    return Subject(
        config=job.config,
        dataset=job.dataset,
        network=network,
        workdir=job.workdir,
        epochs=job.epochs,
        first_step=state.step,
        bar_steps=job.due.bar.every_steps[0],
    )


def _note_what_runs(job: Job, network: Network, state: State) -> None:
    """Writes config and record, and says where bits may differ from before."""
    before = job.workdir.read_json("record.json")
    data = record.describe_data(
        job.dataset, job.problem, job.fingerprint, job.rows_sha256
    )
    now = record.collect(
        topology=job.topology,
        data=data,
        command=job.command,
        init_from=_begun_with(job, network, before if state.step else None),
    )
    if state.step and before is not None:
        is_parted = job.config.virtual_replicas is not None
        for name in record.differences(before, now, is_parted=is_parted):
            print(
                f"{name} differ from the run's last start: results may"
                " differ in their last bits",
                flush=True,
            )
    job.workdir.start(job.config, now)
    _keep_sketch(job)


def _begun_with(
    job: Job, network: Network, before: dict[str, Any] | None
) -> dict[str, str] | None:
    """Says which weights the run began with; None where they were drawn.

    Args:
      job: what is worked on.
      network: with its first weights, where the run begins.
      before: the record of the start before this one, where it goes on.
    """
    if before is not None:
        return before.get("init_from")
    if job.init_from is None:
        return None
    return {"workdir": job.init_from.name, "weights_sha256": network.sha256()}


def _keep_sketch(job: Job) -> None:
    if not (job.workdir / SKETCH_FILE).exists():
        # Of the same rows at each start.
        found = sketch.of_training(job.dataset)
        if found is not None:
            job.workdir.write_json(SKETCH_FILE, found.to_json())
