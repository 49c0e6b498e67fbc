"""The trials of a sweep, run some at a time on this machine.

Each slot takes a trial, or several that train side by side, runs it by the
trainer's own command line in a child of a warm process, and notes its score. A
trial whose process died is taken up where it is found, by whichever slot comes
first, on this machine or another.
"""

import contextlib
import pathlib
import signal
import threading
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer.launch.sweep import stack
from trainer.launch.sweep.following import curve_of
from trainer.launch.sweep.following import never
from trainer.launch.sweep.following import outcome_of
from trainer.launch.sweep.following import Pruning
from trainer.launch.sweep.plan import trial_folder
from trainer.launch.sweep.search import END
from trainer.launch.sweep.search import has_ended
from trainer.launch.sweep.search import has_failed
from trainer.launch.sweep.search import REFUSED
from trainer.launch.sweep.sweep import Sweep
from trainer.launch.sweep.trainers import LOOK_SECS
from trainer.launch.sweep.trainers import Stopped
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.workdir.lease import Lease
from trainer.workdir.lock_file import LockFile

if TYPE_CHECKING:
    import optuna

CLAIMS = "claims"
# Commands that are refused in a row, after which the mistake is no trial's own.
MOST_REFUSED = 10


class Crew:
    """Slots that work off a sweep's trials.

    Attributes:
      busy: the numbers of the trials that its slots have, by slot.
    """

    def __init__(
        self,
        sweep: Sweep,
        *,
        trials: int,
        on_change: Callable[[], None],
        at_once: int = 1,
    ) -> None:
        """Has taken no trial yet.

        Args:
          sweep: whose trials they are.
          trials: how many there are to be in all.
          on_change: is called when a trial began or ended.
          at_once: runs that train in one process at most, side by side.
        """
        self._sweep, self._trials = sweep, trials
        self._search, self._trainers = sweep.search, sweep.trainers
        self._on_change, self._stack = on_change, at_once
        # Trials that a slot takes at a time.
        self._at_once = max(1, at_once // len(sweep.plan.members))
        self._turn = threading.Lock()
        self._failure: BaseException | None = None
        self._over, self._left = threading.Event(), sweep.trainers.slots
        self.busy: dict[int, tuple[int, ...]] = {}
        # Trials that an earlier start saw fail, and that are tried again.
        self._again = {t.number for t in self._search.trials() if has_failed(t)}
        # Trials whose commands were refused since one last was not.
        self._refused: dict[int, str] = {}

    def work(self) -> None:
        """Works until no trial is left, or it is told to stop.

        Raises:
          UserError: the commands of all trials are refused.
          Stopped: it was told to stop; what ran has written a checkpoint.
        """
        trainers = self._trainers
        slots = [
            threading.Thread(target=self._slot, args=(number,), daemon=True)
            for number in range(trainers.slots)
        ]
        trainers.heed()  # What was asked before starts nothing.
        for slot in slots:
            slot.start()
        while not self._over.wait(LOOK_SECS):
            trainers.heed()
        if self._failure is not None:
            raise self._failure
        if trainers.is_stopping:
            raise Stopped
        if self._refused:
            self._settle_refused()

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
        """Takes trials and runs them; returns whether there were any."""
        if len(self._refused) >= MOST_REFUSED:
            return False
        with contextlib.ExitStack() as held:
            taken: list[int] = []
            for trial in self._search.trials():
                if len(taken) < self._at_once and self._claim(
                    slot, trial.number, held
                ):
                    taken.append(trial.number)
            # Of some that were asked for together none is left out, and none
            # is added to others: what a trial is depends on those before it.
            was_beaten = False
            while not taken or (
                len(taken) < self._at_once
                and len(self._search.trials()) % self._at_once
            ):
                asked = self._search.ask(self._trials)
                if asked is None:
                    break
                if asked.state.is_finished():
                    self._on_change()
                    continue
                if not self._claim(slot, asked.number, held):
                    was_beaten = True
                    break
                taken.append(asked.number)
            if taken:
                self._on_change()
                self._work_off(slot, taken)
        with self._turn:
            self.busy.pop(slot, None)
        if taken:
            self._on_change()
        return was_beaten or bool(taken)

    def _claim(
        self, slot: int, number: int, held: contextlib.ExitStack
    ) -> bool:
        """Takes a trial, unless it has ended or another has it."""
        if self._is_over(self._search.trials()[number]):
            return False
        with self._turn:
            if number in self._refused:
                return False
            if any(number in numbers for numbers in self.busy.values()):
                return False
            self.busy[slot] = (*self.busy.get(slot, ()), number)
        claims = self._sweep.workdir / CLAIMS
        lease = Lease(LockFile(claims / f"{number:04d}"))
        with contextlib.ExitStack() as claim:
            try:
                claim.enter_context(lease.held())
                # Another may have ended it meanwhile.
                trial = self._search.trials()[number]
                if not self._is_over(trial):
                    if has_failed(trial):
                        self._again.discard(number)
                        self._search.begin_again(number)
                    held.push(claim.pop_all())
                    return True
            except (UserError, ClusterError):
                pass
        with self._turn:
            others = (n for n in self.busy[slot] if n != number)
            self.busy[slot] = tuple(others)
        return False

    def _is_over(self, trial: "optuna.trial.FrozenTrial") -> bool:
        """Whether a trial has ended, and is not tried again here."""
        is_again = has_failed(trial) and trial.number in self._again
        return has_ended(trial) and not is_again

    def _work_off(self, slot: int, numbers: Sequence[int]) -> None:
        """Runs trials to their ends, and notes their scores."""
        trials = [self._search.trials()[number] for number in numbers]
        if self._stack == 1:
            results = [self._result(slot, trial) for trial in trials]
        else:
            results = stack.results_of(trials, self._stack, self._sweep, slot)
        for number, (value, end) in zip(numbers, results, strict=True):
            if end.startswith(REFUSED):
                with self._turn:
                    self._refused[number] = end
            else:
                self._search.tell(number, value, end)
                self._fail_refused()

    def _fail_refused(self) -> None:
        """Notes trials as failed that were refused where another was not."""
        with self._turn:
            for number, end in self._refused.items():
                self._search.tell(number, None, end)
            self._refused.clear()

    def _settle_refused(self) -> None:
        """Notes the last trials as failed, if the mistake may be their own.

        Raises:
          UserError: it is that of all, which the next start tries again.
        """
        ends = [t.user_attrs.get(END) or REFUSED for t in self._search.trials()]
        is_own = any(not end.startswith(REFUSED) for end in ends)
        if not is_own or len(self._refused) >= MOST_REFUSED:
            number, end = next(iter(self._refused.items()))
            folder = self._sweep.workdir / trial_folder(number)
            raise UserError(f"{folder} is {end}; the sweep ends there")
        self._fail_refused()
        self._on_change()

    def _result(
        self, slot: int, trial: "optuna.trial.FrozenTrial"
    ) -> tuple[float | None, str]:
        """Runs all runs of a trial; returns its score, and how it ended."""
        scores, plan = [], self._sweep.plan
        pruning = Pruning(self._search, trial)
        several = len(plan.members) > 1
        for words, folder in self._sweep.runs_of(trial):
            follow = never if several else self._follower(folder, pruning)
            end = self._trainers.train(slot, words, folder, follow)
            score, end = outcome_of(folder, end, plan.metric)
            if score is None:
                return None, end
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
        plan = self._sweep.plan
        if plan.study.pruner == "none":
            return never

        def look() -> bool:
            found = curve_of(folder, plan.metric)
            return any(
                pruning.is_due(index, score)
                for index, score in enumerate(found, 1)
            )

        return look
