"""The trainer, which notes what it does and dies where it is told to.

  python -m tests.faults.trainer TRAINER_ARGUMENTS

STRATA_FAULTS names a folder. There, `starts.log` gets a line for each process
(Unix time, process, worker) and `chunks.log` one for each chunk (the same, and
the step). Where a `fault.json` appears that names this worker, it is taken
away, and the process is killed when it next passes the point named in it.
"""

import json
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from trainer.cluster import discovery
from trainer.process.exits import leave

VARIABLE = "STRATA_FAULTS"
LOOK_SECS = 0.01
# What the interpreter or a wrapper says before or after it acts, and a part of
# the path that it acts on. Those of a save, in their order.
SAVE_POINTS = {
    "before the folder": ("os.mkdir", "/.step_"),
    "before state.npz": ("open", "/state.npz"),
    "before state.json": ("open", "/state.json"),
    "before model.keras": ("open", "/model.keras"),
    "before the manifest": ("open", "/manifest.json"),
    "before a sync": ("fsync", ""),
    "after a sync": ("fsynced", ""),
    "before the rename": ("os.rename", "/.step_"),
    "after the rename": ("renamed", "/.step_"),
    "before an old one's rename": ("os.rename", "/step_"),
    "before a deletion": ("shutil.rmtree", "/.step_"),
    "within a deletion": ("os.remove", "state.json"),
}
OTHER_POINTS = {
    "in an evaluation": ("scored", ""),
    "before a line of metrics": ("writing", ""),
}
POINTS = SAVE_POINTS | OTHER_POINTS


class Notes:
    """What this process does, and the point at which it is to die."""

    def __init__(self, folder: pathlib.Path, worker: int) -> None:
        self._folder = folder
        self._worker = worker
        self._deadly: tuple[str, str] | None = None
        self._logs = {
            name: os.open(
                folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
            )
            for name in ("starts.log", "chunks.log")
        }

    def write(self, name: str, *more: int) -> None:
        """Appends a line, which is whole or not there."""
        fields = [f"{time.time():.6f}", os.getpid(), self._worker, *more]
        line = " ".join(map(str, fields)) + "\n"
        os.write(self._logs[name], line.encode())

    def pass_by(self, event: str, path: str = "") -> None:
        if (
            self._deadly
            and event == self._deadly[0]
            and self._deadly[1] in path
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    def audit(self, event: str, arguments: tuple) -> None:
        """Passes what the interpreter tells of."""
        if self._deadly and arguments:
            self.pass_by(event, str(arguments[0]))

    def look_for_fault(self) -> None:
        """Waits for the order to die, for as long as the process lives."""
        order = self._folder / "fault.json"
        never = threading.Event()
        while not never.wait(LOOK_SECS):
            try:
                wanted = json.loads(order.read_text())
                if wanted["worker"] == self._worker:
                    os.replace(order, order.with_name("fault.taken.json"))
                    self._deadly = POINTS[wanted["point"]]
            except FileNotFoundError:
                continue

    def surround(
        self, owner: Any, name: str, before: str = "", after: str = ""
    ) -> None:
        """Has a function pass a point before and after what it does."""
        real: Callable = getattr(owner, name)

        def wrapped(*arguments, **named):
            path = str(arguments[0]) if arguments else ""
            self.pass_by(before, path)
            value = real(*arguments, **named)
            self.pass_by(after, path)
            return value

        setattr(owner, name, wrapped)

    def install(self) -> None:
        """Puts all points where the trainer passes."""
        from trainer.journal.metrics_log import MetricsLog
        from trainer.process.watchdog import Watchdog

        real_beat = Watchdog.beat

        def beat(watchdog: Watchdog, step: int) -> None:
            self.write("chunks.log", step)
            real_beat(watchdog, step)

        Watchdog.beat = beat  # type: ignore[method-assign, assignment]
        sys.addaudithook(self.audit)
        self.surround(os, "fsync", "fsync", "fsynced")
        self.surround(os, "rename", after="renamed")
        self.surround(MetricsLog, "write", before="writing")
        self.surround(Watchdog, "touch", after="scored")
        threading.Thread(target=self.look_for_fault, daemon=True).start()


def main() -> int:
    worker = discovery.read(os.environ).index
    notes = Notes(pathlib.Path(os.environ[VARIABLE]), worker)
    notes.write("starts.log")
    notes.install()
    from trainer import task

    return task.main(sys.argv[1:])


if __name__ == "__main__":
    leave(main())
