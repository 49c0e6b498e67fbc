"""The trials of a sweep, run some at a time on this machine.

Each slot takes a trial, runs it by the trainer's own command line in a child of
a warm process, and notes its score. A trial whose process died is taken up
where it is found, by whichever slot comes first, on this machine or another.
"""

import contextlib
import os
import pathlib
import signal
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from trainer.launch.sweep.following import curve_of
from trainer.launch.sweep.following import never
from trainer.launch.sweep.following import Pruning
from trainer.launch.sweep.following import score_of
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.search import Search
from trainer.launch.sweep.trainers import LOOK_SECS
from trainer.launch.sweep.trainers import Stopped
from trainer.launch.sweep.trainers import Trainers
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.workdir.lease import Lease
from trainer.workdir.lock_file import LockFile

if TYPE_CHECKING:
    import optuna

CLAIMS = "claims"


class Crew:
    """Slots that work off a sweep's trials.

    Attributes:
      busy: the numbers of the trials that its slots have, by slot.
    """

    def __init__(
        self,
        plan: Plan,
        search: Search,
        workdir: pathlib.Path,
        trainers: Trainers,
        *,
        trials: int,
        on_change: Callable[[], None],
    ) -> None:
        """Has taken no trial yet.

        Args:
          plan: of the sweep.
          search: its trials.
          workdir: of the sweep.
          trainers: that run them, a trial at a time in each slot.
          trials: how many there are to be in all.
          on_change: is called when a trial began or ended.
        """
        self._plan, self._search, self._workdir = plan, search, workdir
        self._trainers, self._trials = trainers, trials
        self._on_change = on_change
        self._turn = threading.Lock()
        self._failure: BaseException | None = None
        self._over, self._left = threading.Event(), trainers.slots
        self.busy: dict[int, int] = {}

    def work(self, max_secs: float | None = None) -> None:
        """Works until no trial is left, or it is told to stop.

        Args:
          max_secs: for which it may work.

        Raises:
          UserError: a trial's command was refused.
          Stopped: it was told to stop; what ran has written a checkpoint.
        """
        trainers = self._trainers
        slots = [
            threading.Thread(target=self._slot, args=(number,), daemon=True)
            for number in range(trainers.slots)
        ]
        began = time.monotonic()
        for slot in slots:
            slot.start()
        while not self._over.wait(LOOK_SECS):
            trainers.heed()
            is_late = max_secs and time.monotonic() - began > max_secs
            if is_late and not trainers.is_stopping:
                trainers.stop(signal.SIGTERM)
        if self._failure is not None:
            raise self._failure
        if trainers.is_stopping:
            raise Stopped

    def _slot(self, slot: int) -> None:
        try:
            while not self._trainers.is_stopping and self._take(slot):
                pass
        except Stopped:
            pass
        except BaseException as error:
            self._failure = self._failure or error
            self._trainers.stop(signal.SIGTERM)
        finally:
            with self._turn:
                self.busy.pop(slot, None)
                self._left -= 1
                if not self._left:
                    self._over.set()

    def _take(self, slot: int) -> bool:
        """Takes a trial and runs it; returns whether there was one."""
        for trial in self._search.trials():
            if not trial.state.is_finished() and self._run(slot, trial.number):
                return True
        trial_or_none = self._search.ask(self._trials)
        if trial_or_none is None:
            return False
        self._run(slot, trial_or_none.number)
        return True

    def _run(self, slot: int, number: int) -> bool:
        """Runs a trial to its end, unless another has it; returns whether."""
        with self._turn:
            if number in self.busy.values():
                return False
            self.busy[slot] = number
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(
                    Lease(
                        LockFile(self._workdir / CLAIMS / f"{number:04d}")
                    ).held()
                )
            except (UserError, ClusterError):
                del self.busy[slot]
                return False
            trial = self._search.trials()[number]
            if trial.state.is_finished():  # meanwhile
                del self.busy[slot]
                return False
            self._on_change()
            value, end = self._result(slot, trial)
            self._search.tell(number, value, end)
        del self.busy[slot]
        self._on_change()
        return True

    def _result(
        self, slot: int, trial: "optuna.trial.FrozenTrial"
    ) -> tuple[float | None, str]:
        """Runs all runs of a trial; returns its score, and how it ended."""
        values = self._search.values_of(trial)
        scores = []
        pruning = Pruning(self._search, trial)
        several = len(self._plan.members) > 1
        for member in self._plan.members:
            folder = self._workdir / self._plan.folder(trial.number, member)
            words = self._plan.run_words(values, member, os.fspath(folder))
            follow = never if several else self._follower(folder, pruning)
            end = self._trainers.train(slot, words, folder, follow)
            if end != "done":
                return None, end
            score = score_of(folder, self._plan.metric)
            if score is None:
                return None, f"no {self._plan.metric} of the validation rows"
            scores.append(score)
            if several and pruning.is_due(
                len(scores), sum(scores) / len(scores)
            ):
                return None, "pruned"
        return sum(scores) / len(scores), "done"

    def _follower(
        self, folder: pathlib.Path, pruning: Pruning
    ) -> Callable[[], bool]:
        """Returns what looks whether a run is to be pruned."""
        if self._plan.study.pruner == "none":
            return never

        def look() -> bool:
            found = curve_of(folder, self._plan.metric)
            return any(
                pruning.is_due(index, score)
                for index, score in enumerate(found, 1)
            )

        return look
