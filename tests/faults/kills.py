"""Kills and stops at chosen moments, and what they cost."""

import dataclasses
import json
import os
import pathlib
import random
import signal
import time

from launch.supervise.policy import FAILURES_OF_ONE
from tests.faults.jobs import Harmed
from tests.faults.jobs import Kind
from tests.faults.jobs import LOOK_SECS
from tests.faults.jobs import Note
from tests.faults.jobs import TOO_LONG_SECS
from tests.faults.jobs import wait_for
from tests.faults.trainer import OTHER_POINTS
from tests.faults.trainer import POINTS
from tests.faults.trainer import SAVE_POINTS
from trainer.workdir import checkpoints

AT_RANDOM = "SIGKILL at random"
AFTER_SAVE = "SIGKILL within 1 s of a checkpoint"
AT_START = "SIGKILL at the start"
LOST = "a worker killed at each start until the job shrinks"
LEAVE = "SIGTERM"
PAUSE = "SIGSTOP, SIGCONT"
KINDS = (AT_RANDOM, AFTER_SAVE, "a point of a save", "another point", AT_START)
NEAR_SECS = 2.0
# After these codes a scheduler starts the same command again.
AGAIN = (42, 75, -signal.SIGKILL, -signal.SIGTERM)


@dataclasses.dataclass
class Fault:
    """One fault, and what came of it.

    Attributes:
      job: kind of the job.
      what: was done.
      target: to which process.
      is_near_save: whether within two seconds of a new checkpoint.
      lost_steps: taken before it and again after it.
      restart_secs: from the fault to the end of the chief's next chunk.
    """

    job: str
    what: str
    target: str
    is_near_save: bool = False
    lost_steps: int = 0
    restart_secs: float = 0.0

    @property
    def kills(self) -> bool:
        return self.what not in (LEAVE, PAUSE)


def draw(kind: Kind, chance: random.Random) -> Fault:
    """Draws a fault for a job."""
    targets = ("worker 1", "chief", "all", "supervisor")
    target = "process" if kind.workers == 1 else chance.choice(targets)
    kinds, weights = [*KINDS, LEAVE, PAUSE], [3, 3, 3, 1, 1, 1, 1]
    if kind.least_workers:
        kinds, weights = [*kinds, LOST], [*weights, 5]
    what = chance.choices(kinds, weights)[0]
    if "point" in what:
        points = SAVE_POINTS if "save" in what else OTHER_POINTS
        what = chance.choice(sorted(points))
        target = "process" if kind.workers == 1 else "chief"
    if what == PAUSE and target == "supervisor":
        target = "worker 1"
    return Fault(kind.name, what, target)


class Campaign:
    """Harms one job, fault after fault, and has it finish."""

    def __init__(
        self,
        kind: Kind,
        folder: pathlib.Path,
        seed: int,
        is_forked: bool = False,
    ) -> None:
        self.job = Harmed(kind, folder)
        # Where it is not, some of its kills fall into the imports.
        self.job.is_forked = is_forked
        self.faults: list[Fault] = []
        self._chance = random.Random(seed)

    def run(self, faults: int) -> None:
        """Makes so many faults, or as many as the job's length allows.

        Raises:
          AssertionError: something was lost, or the job did not go on.
        """
        with self.job.cleaned_up() as job:
            job.start()
            going_on = self._wait_for_chunk(time.time())
            while going_on and len(self.faults) < faults:
                going_on = self._harm(draw(job.kind, self._chance))
            while not job.has_ended():
                time.sleep(LOOK_SECS)
            assert job.process.returncode == 0, job.output()[-3000:]
            wait_for("the workers' end", lambda: not job.alive())
            folder = job.workdir / "checkpoints"
            for step in checkpoints.steps_in(folder):
                wrong = checkpoints.verify(checkpoints.path_of(folder, step))
                assert wrong is None, f"step {step}: {wrong}"

    def _wait_for_chunk(self, since_unix_secs: float) -> bool:
        """Waits for the chief's next chunk, starting the job where it ended.

        Returns:
          False where the job is done instead.
        """
        job, deadline = self.job, time.monotonic() + TOO_LONG_SECS
        while not job.chunks() or job.chunks()[-1][0] <= since_unix_secs:
            if job.has_ended() and job.process.returncode == 0:
                return False
            if job.has_ended():
                assert job.process.returncode in AGAIN, job.output()[-3000:]
                job.start()
            assert time.monotonic() < deadline, job.output()[-3000:]
            time.sleep(LOOK_SECS)
        return True

    def _harm(self, fault: Fault) -> bool:
        """Makes one fault; returns False where the job was done before it."""
        job = self.job
        resumed = len(job.resumed())
        self._wait(fault)
        if job.has_ended():
            return False
        now, saved = time.time(), job.steps_saved()
        if fault.what in POINTS:
            if not self._wait_for_point(fault):
                return False
            now, saved = time.time(), job.steps_saved()
        elif fault.what == AT_START:
            self._signal(fault, signal.SIGKILL)
            time.sleep(self._chance.uniform(0.0, 4.0))
            now = time.time()
            if job.has_ended():
                job.start()
                time.sleep(self._chance.uniform(0.2, 4.0))
                now = time.time()
            self._signal(fault, signal.SIGKILL)
        elif fault.what == LOST:
            self._lose_a_worker(fault)
            now = time.time()
        elif fault.what == PAUSE:
            self._signal(fault, signal.SIGSTOP)
            time.sleep(self._chance.uniform(0.2, 3.0))
            self._signal(fault, signal.SIGCONT)
            now = time.time()
        else:
            term = fault.what == LEAVE
            self._signal(fault, signal.SIGTERM if term else signal.SIGKILL)
        return self._account(fault, now, saved, resumed)

    def _wait(self, fault: Fault) -> None:
        """Lets the job run for a while."""
        if fault.what == AFTER_SAVE:
            before = self.job.steps_saved()
            wait_for(
                "a checkpoint",
                lambda: (
                    self.job.steps_saved() != before or self.job.has_ended()
                ),
            )
            time.sleep(self._chance.uniform(0.0, 1.0))
        elif fault.what not in POINTS:
            time.sleep(self._chance.uniform(0.0, 2.0))

    def _wait_for_point(self, fault: Fault) -> bool:
        """Has the chief die at a point; returns False where it was done."""
        job = self.job
        (chief,) = [note for note in job.alive() if note.worker == 0]
        order = job.folder / "fault.json"
        order.with_suffix(".new").write_text(
            json.dumps({"point": fault.what, "worker": 0})
        )
        order.with_suffix(".new").replace(order)
        wait_for(
            f"the chief's death {fault.what}",
            lambda: chief not in job.alive(),
        )
        order.unlink(missing_ok=True)
        return not (job.workdir / "result.json").exists()

    def _lose_a_worker(self, fault: Fault) -> None:
        """Kills the last worker, and those that come in its place."""
        job, killed = self.job, set()
        last = max((note.worker for note in job.alive()), default=0)
        fault.target = f"worker {last}" if last else "chief"

        def newcomers() -> list[Note]:
            return [
                note
                for note in job.alive()
                if note.worker == last and note.process not in killed
            ]

        for _ in range(FAILURES_OF_ONE if last else 1):
            wait_for("the worker", lambda: newcomers() or job.has_ended())
            killed |= {note.process for note in newcomers()}
            self._signal(fault, signal.SIGKILL)

    def _signal(self, fault: Fault, number: signal.Signals) -> None:
        """Sends a signal to the fault's target."""
        job, pids = self.job, []
        if fault.target in ("process", "supervisor"):
            pids = [job.process.pid]
        alive = job.alive()
        if fault.target == "worker 1" and not any(n.worker for n in alive):
            fault.target = "chief"  # of a job that has shrunk
        for note in alive:
            name = "chief" if note.worker == 0 else f"worker {note.worker}"
            if fault.target in (name, "all"):
                pids.append(note.process)
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # It has just left.
        if fault.target in ("process", "supervisor") and number == 9:
            job.process.wait(TOO_LONG_SECS)

    def _account(
        self, fault: Fault, now: float, saved: list[int], resumed: int
    ) -> bool:
        """Waits for the next chunk, and counts what was lost."""
        job = self.job
        before = max(
            (n.step for n in job.chunks() if n.unix_secs <= now), default=0
        )
        ages = [
            now - (job.workdir / f"checkpoints/step_{s:08d}").stat().st_mtime
            for s in saved[-1:]
            if (job.workdir / f"checkpoints/step_{s:08d}").exists()
        ]
        fault.is_near_save = bool(ages) and min(ages) < NEAR_SECS
        if fault.what == PAUSE:
            going_on = self._wait_for_chunk(now)
        else:
            going_on = self._wait_for_restart(now)
        self.faults.append(fault)
        if not going_on:
            return False
        chunk = next(n for n in job.chunks() if n.unix_secs > now)
        fault.restart_secs = chunk.unix_secs - now
        steps = job.resumed()[resumed:]
        if steps:
            assert steps[-1] >= max(saved, default=0), "a checkpoint was lost"
            fault.lost_steps = max(0, before - steps[-1])
        return True

    def _wait_for_restart(self, now: float) -> bool:
        """Waits for a chunk of a chief that was started after a fault."""
        old = {n.process for n in self.job.chunks() if n.unix_secs <= now}
        since = now
        while self._wait_for_chunk(since):
            newest = self.job.chunks()[-1]
            if newest.process not in old:
                return True
            since = newest.unix_secs
        return False
