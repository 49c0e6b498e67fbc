"""Tells a run to a service that keeps experiments, beside the training.

A tracker's calls are made by a thread of its own: a service that is slow or
gone holds nothing up. It is told all lines of metrics.jsonl, each once: first
it says which it holds, and what it lacks of earlier starts is told it then.
"""

import contextlib
import json
import pathlib
import queue
import shlex
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from trainer.config.values import flatten
from trainer.journal.writer import Ending
from trainer.journal.writer import FINAL
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.process.exits import tell
from trainer.process.facts import command
from trainer.version import __version__
from trainer.workdir import lines
from trainer.workdir.folder import REPORT_FILE
from trainer.workdir.folder import RESULT_FILE
from trainer.workdir.lines import Key

# How long an ending process tries to tell what is left, how long it waits
# between two tries, and how much longer for a call that does not come back.
LAST_SECS = 60.0
AGAIN_SECS = 2.0
CALL_SECS = 10.0
# What is kept with a run at its end, where it is there.
FILES = (RESULT_FILE, REPORT_FILE)


class Kept(NamedTuple):
    """A line as a tracker keeps it.

    Attributes:
      step: global steps done.
      split: whose rows were scored; FINAL for the final scores of all.
      values: by name; those of training have the speed beside them.
      unix_secs: when it was said.
    """

    step: int
    split: str
    values: dict[str, float]
    unix_secs: float

    @property
    def key(self) -> Key:
        return self.step, self.split

    @property
    def named(self) -> dict[str, float]:
        """The values by names that hold the split, such as "train/loss"."""
        return {f"{self.split}/{k}": v for k, v in self.values.items()}


class Tracked(NamedTuple):
    """The run that a tracker keeps.

    Attributes:
      identity: the same for all starts of it, and no other's.
      name: by which people call it.
      workdir: of it.
      params: its config, by dotted paths.
      tags: what else is known of it.
    """

    identity: str
    name: str
    workdir: pathlib.Path
    params: dict[str, Any]
    tags: dict[str, str]


class Tracker:
    """A service; its methods may take their time, and may raise anything."""

    def open(self, run: Tracked) -> set[Key]:
        """Begins the run or goes on with it; returns what it holds."""
        raise NotImplementedError

    def log(self, kept: Sequence[Kept]) -> None:
        """Takes lines that it does not hold, in the order of their steps."""
        raise NotImplementedError

    def close(self, status: str, files: Sequence[pathlib.Path]) -> None:
        """Ends this start of the run.

        Args:
          status: "done", "stopped" or "diverged"; "failed" where none is known.
          files: that are kept with it.
        """
        raise NotImplementedError


class Tracking:
    """The thread that tells one tracker."""

    def __init__(self, name: str, make: Callable[[], Tracker]) -> None:
        """Tells nothing yet.

        Args:
          name: of the tracker, for complaints.
          make: makes it; it may import what takes long.
        """
        self._name, self._make = name, make
        self._new: queue.SimpleQueue[Kept | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._run: Tracked | None = None
        self._tracker: Tracker | None = None
        self._held: set[Key] | None = None
        self._pending: list[Kept] = []
        self._status, self._files = "failed", list[pathlib.Path]()
        self._deadline_secs = 0.0
        self._has_complained = False

    def begin(self, run: Tracked, before: Sequence[Kept]) -> None:
        """Begins to tell of a run.

        Args:
          run: that is told of.
          before: what its earlier starts said.
        """
        self._run, self._pending = run, list(before)
        self._thread.start()

    def add(self, kept: Kept) -> None:
        """Has the tracker be told of a line."""
        self._new.put(kept)

    def end(self, status: str) -> None:
        """Says how the run ended."""
        self._status = status

    def close(self) -> None:
        """Tells what is left, for a while, with the files of the end."""
        if self._run is None:
            return
        folder = self._run.workdir
        self._files = [folder / n for n in FILES if (folder / n).exists()]
        self._deadline_secs = time.monotonic() + LAST_SECS
        self._new.put(None)
        self._thread.join(LAST_SECS + CALL_SECS)
        if self._thread.is_alive():
            tell(
                f"WARNING: --log_to={self._name} does not answer; not told all"
            )

    def _work(self) -> None:
        is_over = False
        while not is_over:
            is_over = self._take()
            self._try(self._tell)
        while not self._try(self._close):
            if time.monotonic() > self._deadline_secs:
                tell(
                    f"WARNING: --log_to={self._name} was not told the end, and"
                    f" {len(self._pending)} lines"
                )
                return
            time.sleep(AGAIN_SECS)

    def _take(self) -> bool:
        """Waits for something to tell; returns whether it was the last."""
        found = self._new.get()
        while found is not None:
            self._pending.append(found)
            if self._new.empty():
                return False
            found = self._new.get()
        return True

    def _try(self, do: Callable[[], None]) -> bool:
        """Returns whether it was done; a first failure is told."""
        try:
            do()
        except Exception as error:  # whatever it is, the run goes on
            if not self._has_complained:
                words = str(error).strip().split("\n")[0]
                tell(
                    f"WARNING: --log_to={self._name}: {type(error).__name__}:"
                    f" {words}; the run goes on, and it is tried again"
                )
            self._has_complained = True
            return False
        self._has_complained = False
        return True

    def _tell(self) -> None:
        assert self._run is not None
        if self._tracker is None:
            self._tracker = self._make()
        if self._held is None:
            self._held = self._tracker.open(self._run)
        self._pending = [k for k in self._pending if k.key not in self._held]
        if self._pending:
            try:
                self._tracker.log(self._pending)
            except Exception:
                # Some of them it may hold by now: it is asked again.
                self._held = None
                raise
        self._held |= {kept.key for kept in self._pending}
        self._pending = []

    def _close(self) -> None:
        self._tell()
        assert self._tracker is not None
        self._tracker.close(self._status, self._files)


class TrackerWriter(Writer):
    """Hands what a run says to the thread."""

    def __init__(self, subject: Subject, tracking: Tracking) -> None:
        self._subject, self._tracking = subject, tracking

    def introduce(self) -> None:
        subject = self._subject
        folder = subject.workdir.path
        tracked = Tracked(
            subject.identity,
            folder.name,
            folder.absolute(),
            {
                name: value
                if isinstance(value, bool | int | float | str)
                else json.dumps(value)
                for name, value in flatten(subject.config).items()
            },
            {
                "strata.version": __version__,
                "strata.workdir": str(folder.absolute()),
                "strata.command": shlex.join(command()),
                "strata.data": subject.dataset.name,
                "strata.problem": subject.network.problem.type,
            },
        )
        self._tracking.begin(tracked, _said(folder, subject.first_step))

    def line(self, line: Line) -> None:
        values = {**line.values, **line.extra}
        self._tracking.add(Kept(line.step, line.split, values, time.time()))

    def end(self, told: Ending) -> None:
        if scores := told.named_scores:
            step = told.result["step"]
            self._tracking.add(Kept(step, FINAL, scores, time.time()))
        self._tracking.end(told.result["status"])


def _said(folder: pathlib.Path, last_step: int) -> list[Kept]:
    """Returns what earlier starts of a run said, up to a step."""
    metrics, timing = (
        lines.read(folder, name, last_step=last_step).by_key
        for name in (lines.METRICS, lines.TIMING)
    )
    place = ("step", "epoch", "split", "run_secs", "unix_secs")
    return [
        Kept(
            step,
            split,
            {
                name: value
                for name, value in {**timed, **values}.items()
                if name not in place
            },
            timed.get("unix_secs", 0.0),
        )
        for (step, split), (values, _) in metrics.items()
        for timed, _ in [timing.get((step, split), ({}, b""))]
    ]


@contextlib.contextmanager
def told_to_the_end(trackings: Sequence[Tracking]) -> Iterator[None]:
    """Has trackers be told the end of a run, whatever it is."""
    try:
        yield
    finally:
        for tracking in trackings:
            tracking.close()
