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
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.trainer import newest_step
from trainer.launch.sweep.following import curve_of
from trainer.launch.sweep.following import is_done
from trainer.launch.sweep.following import last_line
from trainer.launch.sweep.following import never
from trainer.launch.sweep.following import Pruning
from trainer.launch.sweep.following import score_of
from trainer.launch.sweep.plan import Plan
from trainer.launch.sweep.search import Search
from trainer.launch.sweep.slots import Slot
from trainer.launch.warm import Child
from trainer.launch.warm import Warm
from trainer.process import output
from trainer.process.exits import ClusterError
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import MISTAKE
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exits import UserError
from trainer.workdir import lines
from trainer.workdir.folder import STOP_FILE
from trainer.workdir.lease import Lease
from trainer.workdir.lock_file import LockFile

if TYPE_CHECKING:
    import optuna

# Between two looks at a trial's scores, and for a signal.
LOOK_SECS = 0.2
# Starts in a row without a newer checkpoint, after which a trial has failed.
MOST_STARTS = 3
CLAIMS = "claims"


class Stopped(Exception):  # noqa: N818  # no error: it was asked for
    """The sweep was asked to stop, and this trial with it."""


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
        warm: Warm,
        *,
        trials: int,
        slots: Sequence[Slot],
        on_change: Callable[[], None],
    ) -> None:
        """Has taken no trial yet.

        Args:
          plan: of the sweep.
          search: its trials.
          workdir: of the sweep.
          warm: that forks the trainers.
          trials: how many there are to be in all.
          slots: where they run.
          on_change: is called when a trial began or ended.
        """
        self._plan, self._search, self._workdir = plan, search, workdir
        self._warm, self._trials, self._on_change = warm, trials, on_change
        self._slots = slots
        self._turn = threading.Lock()
        self._children: dict[int, Child] = {}
        self._stop: signal.Signals | None = None
        self._failure: BaseException | None = None
        self._over, self._left = threading.Event(), len(slots)
        self.busy: dict[int, int] = {}

    def work(self, signals: Signals, max_secs: float | None = None) -> None:
        """Works until no trial is left, or it is told to stop.

        Args:
          signals: to this process.
          max_secs: for which it may work.

        Raises:
          UserError: a trial's command was refused.
          Stopped: it was told to stop; what ran has written a checkpoint.
        """
        slots = [
            threading.Thread(target=self._slot, args=(number,), daemon=True)
            for number in range(len(self._slots))
        ]
        began = time.monotonic()
        for slot in slots:
            slot.start()
        while not self._over.wait(LOOK_SECS):
            number = signals.take(0.0)
            is_late = max_secs and time.monotonic() - began > max_secs
            if number is None and is_late and self._stop is None:
                number = signal.SIGTERM
            if number is not None:
                self.stop(number)
        if self._failure is not None:
            raise self._failure
        if self._stop is not None:
            raise Stopped

    def run(self, words: list[str], folder: pathlib.Path) -> int:
        """Runs a command in the first slot, to its end; returns its code."""
        with self._child(0, words, folder) as child:
            while (code := child.wait(None)) is None:
                pass
        return code

    def stop(self, number: signal.Signals) -> None:
        """Has what runs end with a checkpoint; at the second Ctrl-C at once."""
        again = self._stop == signal.SIGINT and number == signal.SIGINT
        self._stop = self._stop or number
        with self._turn:
            for child in self._children.values():
                child.send_signal(signal.SIGKILL if again else number)

    def _slot(self, slot: int) -> None:
        try:
            while self._stop is None and self._take(slot):
                pass
        except Stopped:
            pass
        except BaseException as error:
            self._failure = self._failure or error
            self.stop(signal.SIGTERM)
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
            end = self._trained(slot, words, folder, follow)
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

    def _trained(
        self,
        slot: int,
        words: list[str],
        folder: pathlib.Path,
        is_hopeless: Callable[[], bool],
    ) -> str:
        """Runs the trainer until the run is done; returns how it ended."""
        failures, step = 0, newest_step(folder)
        while True:
            if is_done(folder):
                return "pruned" if is_hopeless() else "done"
            if is_hopeless():
                return "pruned"
            code, was_pruned = self._start(slot, words, folder, is_hopeless)
            if was_pruned or is_hopeless():
                return "pruned"
            if code == DONE:
                continue
            if self._stop is not None:
                raise Stopped
            if code == MISTAKE:
                raise UserError(
                    f"{folder}: {last_line(folder)}; the sweep ends there"
                )
            if code == DIVERGED:
                return "diverged"
            if code == STOPPED_BY_USER:
                return "pruned"
            newest = newest_step(folder)
            failures = 0 if newest > step else failures
            failures, step = failures + 1, newest
            if failures >= MOST_STARTS:
                return f"exit code {code}"

    def _start(
        self,
        slot: int,
        words: list[str],
        folder: pathlib.Path,
        is_hopeless: Callable[[], bool],
    ) -> tuple[int, bool]:
        """Starts the trainer once; returns its code, and whether pruned."""
        was_pruned = False
        with self._child(slot, ["trainer.task", *words], folder) as child:
            while (code := child.wait(LOOK_SECS)) is None:
                if not was_pruned and is_hopeless():
                    was_pruned = True
                    if (folder / lines.METRICS).exists():
                        (folder / STOP_FILE).touch()
        (folder / STOP_FILE).unlink(missing_ok=True)
        return code, was_pruned

    @contextlib.contextmanager
    def _child(
        self, slot: int, words: list[str], folder: pathlib.Path
    ) -> Iterator[Child]:
        """Runs a command whose lines go to the folder's log."""
        log = output.worker_log(folder, 0)
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "ab") as file, self._turn:
            if self._stop is not None:
                raise Stopped
            try:
                child = self._warm.start(
                    words,
                    {1: file.fileno(), 2: file.fileno()},
                    environment=self._slots[slot].environment,
                    cores=self._slots[slot].cores,
                )
            except OSError as error:
                raise ClusterError(
                    f"the warm process is gone: {error}"
                ) from error
            self._children[slot] = child
        try:
            yield child
        finally:
            with self._turn:
                del self._children[slot]
