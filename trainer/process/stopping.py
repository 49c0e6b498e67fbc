"""Requests to leave: at once before training, then at a chunk boundary."""

import contextlib
import os
import pathlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import numpy as np

from trainer.process.exits import INTERRUPTED
from trainer.process.exits import leave_at_once
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.exits import STOPS
from trainer.process.facts import is_ignored
from trainer.process.facts import process_age_secs
from trainer.process.facts import SCHEDULERS

# SIGHUP comes where a terminal is closed.
_SIGNALS = {
    signal.SIGTERM: STOPPED,
    signal.SIGUSR1: STOPPED,
    signal.SIGHUP: STOPPED,
    signal.SIGINT: STOPPED_BY_USER,
}


class StopAskedError(Exception):
    """What is being done is to be left, and done by the next start.

    Attributes:
      code: by which the process is to leave.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Stop:
    """What this process was asked to do.

    Attributes:
      flags: float32 [2], 1 where its surroundings or its user asked.
    """

    def __init__(self) -> None:
        self.flags = np.zeros(len(STOPS), np.float32)
        # Those that this process hears for itself.
        self._signals: dict[signal.Signals, int] = {}
        self._has_begun = False
        # Counted by itself: the file and the clock ask by the same flag.
        self._is_interrupted = False
        self._stop_file: pathlib.Path | None = None
        self._has_file = self._is_told = self._is_over = False
        self._lost: OSError | None = None
        self._max_secs: float | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hears signals, whatever the process is doing.

        Python's own handlers wait for the main thread, which may be inside a
        native call for good. So a thread reads what the C handler writes.
        """
        self._signals = {
            number: code
            for number, code in _SIGNALS.items()
            if not is_ignored(number)
        }
        hearing, heard = os.pipe()
        os.set_blocking(heard, False)
        before = {number: signal.getsignal(number) for number in self._signals}
        thread = threading.Thread(
            target=self._listen, args=(hearing,), daemon=True
        )
        self._take_signals()
        descriptor = signal.set_wakeup_fd(heard, warn_on_full_buffer=False)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(heard)
            thread.join()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Hears Ctrl-C in a program whose process is not this job's alone.

        While there is work to save, the first asks for a chunk's end; before,
        and the second time, it is raised, as Python does by itself. Another
        thread than the main one hears none, and a handler of the program's own
        is left alone.

        Raises:
          KeyboardInterrupt: within.
        """
        is_main = threading.current_thread() is threading.main_thread()
        before = signal.getsignal(signal.SIGINT)
        if not is_main or before is not signal.default_int_handler:
            yield
            return

        def hear(number: int, frame: FrameType | None) -> None:
            if not self._has_begun or self._is_interrupted:
                raise KeyboardInterrupt
            self._interrupt()

        signal.signal(signal.SIGINT, hear)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def begin_training(
        self, stop_file: pathlib.Path | None, max_secs: float | None
    ) -> None:
        """From here on there is work to save: requests wait for a chunk's end.

        Args:
          stop_file: whose appearance is the user's wish; the chief removes it.
            None where there are several, each of a run of its own.
          max_secs: age of this process at which it stops. Under a scheduler
            that is the surroundings' wish, and else the user's.
        """
        self._has_begun, self._stop_file = True, stop_file
        self._has_file = self._is_told = self._is_over = False
        self._max_secs = max_secs
        # A multi-worker strategy takes SIGTERM for itself.
        self._take_signals()

    def end_training(self) -> None:
        """From here on nothing is left to save."""
        self._is_over = True

    def _take_signals(self) -> None:
        for number in self._signals:
            signal.signal(number, _do_nothing)

    def _listen(self, pipe: int) -> None:
        with open(pipe, "rb", buffering=0) as heard:
            while numbers := heard.read(64):
                for number in numbers:
                    if number in self._signals:
                        self._hear(self._signals[signal.Signals(number)])

    def _hear(self, code: int) -> None:
        if not self._has_begun:
            print("left as asked, before a step was taken", flush=True)
            leave_at_once(code)
        if code != STOPPED_BY_USER:
            self._ask(code)
        elif self._is_interrupted:
            print("left at once; the newest checkpoint stands", flush=True)
            leave_at_once(INTERRUPTED)
        else:
            self._interrupt()

    def lose(self, error: OSError) -> None:
        """Hears that the workdir is this process's no more, and how.

        It is for a program whose process is not this job's alone; another one
        ends at once.
        """
        self._lost = error

    def check_held(self) -> None:
        """Raises what `lose` heard: nothing more is to be written."""
        if self._lost is not None:
            raise self._lost

    def _interrupt(self) -> None:
        self._is_interrupted = True
        self._ask(STOPPED_BY_USER)

    def _ask(self, code: int) -> None:
        self._tell()
        self.flags[STOPS.index(code)] = 1

    def _tell(self) -> None:
        if self._is_over:
            print("the run is over: its page is written first", flush=True)
        elif not self._is_told:
            print("stopping: the steps taken are saved first", flush=True)
            self._is_told = True

    def poll(self) -> np.ndarray:
        """Returns what is asked, after a look at the file and the clock.

        Returns:
          float32 [2] as `flags`, which the step adds up over workers; the
          file's wish is in it alone, which is of one run and not the process.

        Raises:
          OSError: the workdir was lost.
        """
        self.check_held()
        if self._max_secs and process_age_secs() >= self._max_secs:
            scheduled = any(name in os.environ for name in SCHEDULERS)
            self._ask(STOPPED if scheduled else STOPPED_BY_USER)
        asked = self.flags.copy()
        if self._stop_file is not None and self._stop_file.exists():
            self._tell()
            self._has_file = True
        if self._has_file:
            asked[STOPS.index(STOPPED_BY_USER)] = 1
        return asked


def _do_nothing(*_: Any) -> None:
    """Stands for the default, which would end the process."""


def code_of(flags: np.ndarray) -> int | None:
    """Returns the exit code that flags, added up over workers, ask for."""
    asked = [c for c, flag in zip(STOPS, flags, strict=True) if flag > 0]
    return max(asked) if asked else None
