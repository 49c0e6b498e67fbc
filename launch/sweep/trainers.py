"""The commands of a sweep's runs, each in a child of a warm process.

There is one at a time in each slot, and all can be told to stop.
"""

import contextlib
import itertools
import math
import pathlib
import signal
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.trainer import newest_step
from trainer.launch.sweep.following import is_done
from trainer.launch.sweep.following import last_line
from trainer.launch.sweep.following import never
from trainer.launch.sweep.following import status_of
from trainer.launch.sweep.search import FAILED
from trainer.launch.sweep.search import REFUSED
from trainer.launch.sweep.slots import Slot
from trainer.launch.warm import Child
from trainer.launch.warm import Warm
from trainer.process import output
from trainer.process.exits import ClusterError
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import MISTAKE
from trainer.process.exits import STOPPED_BY_USER
from trainer.workdir import lines
from trainer.workdir.folder import STOP_FILE

# Between two looks at a run's scores, and for a signal.
LOOK_SECS = 0.2
# Starts in a row without a newer checkpoint, after which a run has failed.
MOST_STARTS = 3


class Stopped(Exception):  # noqa: N818  # no error: it was asked for
    """The sweep was asked to stop, and this run with it."""


class Trainers:
    """Starts commands and stops them; each slot's thread uses its own."""

    def __init__(
        self,
        warm: Warm,
        slots: Sequence[Slot],
        signals: Signals,
        stop_file: pathlib.Path,
        max_secs: float | None = None,
    ) -> None:
        """Has started nothing yet.

        Args:
          warm: that forks the trainers.
          slots: where they run.
          signals: to this process, which are passed on.
          stop_file: at which all stop.
          max_secs: after which they do.
        """
        self._warm, self._slots, self._signals = warm, slots, signals
        self._stop_file = stop_file
        self._deadline = time.monotonic() + (max_secs or math.inf)
        self._turn = threading.Lock()
        self._children: dict[int, Child] = {}
        self._stop: signal.Signals | None = None

    @property
    def slots(self) -> int:
        """How many there are."""
        return len(self._slots)

    @property
    def is_stopping(self) -> bool:
        """Whether all were told to stop."""
        return self._stop is not None

    def heed(self) -> None:
        """Stops all where a signal, the file or the time asks for it."""
        number = self._signals.take(0.0)
        if number is None and not self.is_stopping:
            is_late = time.monotonic() > self._deadline
            if is_late or self._stop_file.exists():
                number = signal.SIGTERM
        if number is not None:
            self.stop(number)

    def stop(self, number: signal.Signals) -> None:
        """Has what runs end with a checkpoint; at the second Ctrl-C at once."""
        again = self._stop == signal.SIGINT and number == signal.SIGINT
        self._stop = self._stop or number
        with self._turn:
            for child in self._children.values():
                child.send_signal(signal.SIGKILL if again else number)

    def run(self, words: list[str], folder: pathlib.Path) -> int:
        """Runs a command in the first slot, to its end.

        Args:
          words: the module and its arguments.
          folder: whose log its lines go to.

        Returns:
          Its exit code.

        Raises:
          Stopped: it was told to stop before it was done.
        """
        with self._child(0, words, folder) as child:
            while (code := child.wait(LOOK_SECS)) is None:
                self.heed()
        if code != DONE and self.is_stopping:
            raise Stopped
        return code

    def train(
        self,
        slot: int,
        words: list[str],
        folder: pathlib.Path,
        is_hopeless: Callable[[], bool],
    ) -> str:
        """Runs the trainer until the run is done.

        Args:
          slot: where.
          words: of the trainer's command line.
          folder: the run's workdir.
          is_hopeless: whether it is to be pruned where it stands.

        Returns:
          How it ended: "done", "pruned", "diverged", or why it failed.

        Raises:
          Stopped: it was told to stop, and has written a checkpoint.
        """
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
            if self.is_stopping:
                raise Stopped
            if code == MISTAKE:
                return REFUSED + last_line(folder)
            if code == DIVERGED:
                return "diverged"
            if code == STOPPED_BY_USER:
                return "pruned"
            newest = newest_step(folder)
            failures = 0 if newest > step else failures
            failures, step = failures + 1, newest
            if failures >= MOST_STARTS:
                return f"{FAILED}{code}"

    def train_stacked(
        self, slot: int, runs: Sequence[tuple[list[str], pathlib.Path]]
    ) -> list[str]:
        """Runs the trainer until some runs are done, side by side in a process.

        Args:
          slot: where.
          runs: words and workdir of each.

        Returns:
          How each ended, as `train` does. One that fails with the others is
          tried alone.

        Raises:
          Stopped: it was told to stop, and has written checkpoints.
        """
        ends: dict[pathlib.Path, str] = {}
        failures, best = 0, 0
        while True:
            for _, folder in runs:
                if (status := status_of(folder)) in ("done", "diverged"):
                    ends[folder] = status
            left = [run for run in runs if run[1] not in ends]
            newest = len(ends) + sum(newest_step(folder) for _, folder in left)
            failures = 0 if newest > best else failures
            best = newest
            if len(left) <= 1 or failures >= MOST_STARTS:
                for words, folder in left:
                    ends[folder] = self.train(slot, words, folder, never)
                return [ends[folder] for _, folder in runs]
            commands = [["+", *words] for words, _ in left]
            words = ["trainer.api.side_by_side", *itertools.chain(*commands)]
            with self._child(slot, words, left[0][1]) as child:
                while (code := child.wait(LOOK_SECS)) is None:
                    pass
            if code != DONE and self.is_stopping:
                raise Stopped
            if code == MISTAKE:
                failures = MOST_STARTS  # Whose it is, each alone tells.
            if code == STOPPED_BY_USER:
                ends |= {
                    folder: "pruned"
                    for _, folder in left
                    if status_of(folder) == "stopped"
                }
            failures += 1

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
            if self.is_stopping:
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
