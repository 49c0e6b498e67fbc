"""Which start of a run this is, and how the one before it ended.

Each start of a run is an attempt; the chief notes it in attempt.json, where
launchers read how it ended. What passed between the newest checkpoint and
this start is lost, and counted as such. Standard library alone.
"""

import dataclasses
import time
from typing import Any

from trainer.process.exits import DONE
from trainer.process.exits import STOPPED_BY_USER
from trainer.workdir.folder import Workdir

FILE = "attempt.json"


@dataclasses.dataclass
class Attempt:
    """One start of a run.

    Attributes:
      attempt: its number, from 1.
      run_began_unix_secs: when the first process of the run was started.
      began_unix_secs: when this process was started.
      ended_unix_secs: when it left; None while it runs, or where it was
        killed.
      exit_code: by which it left.
      step: that its last checkpoint holds.
      began_step: that it went on from.
      earlier: the attempts before this one, first to last, as stored.
    """

    attempt: int
    run_began_unix_secs: float
    began_unix_secs: float
    ended_unix_secs: float | None = None
    exit_code: int | None = None
    step: int | None = None
    began_step: int = 0
    earlier: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def end(self, workdir: Workdir, code: int, step: int) -> None:
        """Notes how this attempt ends."""
        self.ended_unix_secs, self.exit_code = time.time(), code
        self.step = step
        workdir.write_json(FILE, dataclasses.asdict(self))


def begin(
    workdir: Workdir,
    began_unix_secs: float,
    saved_unix_secs: float | None,
    step: int = 0,
    last_alive_unix_secs: float | None = None,
) -> tuple[Attempt, dict[str, float]]:
    """Notes that a new attempt begins.

    Args:
      workdir: that this process holds.
      began_unix_secs: when this process was started.
      saved_unix_secs: when the state that it goes on from was taken; None
        where it begins anew.
      step: that it goes on from.
      last_alive_unix_secs: when the process that held the workdir before this
        one last was seen alive; None where there was none.

    Returns:
      The attempt, and the seconds lost since that state by category: "redone"
      are those of steps that will be taken again, and "downtime" those in
      which no process ran, or "paused" where the user wanted it so.
    """
    before = _read(workdir)
    attempt = Attempt(1, began_unix_secs, began_unix_secs, began_step=step)
    lost = {}
    if before is not None:
        attempt.attempt = before.attempt + 1
        attempt.run_began_unix_secs = before.run_began_unix_secs
        since = saved_unix_secs or before.run_began_unix_secs
        left = before.ended_unix_secs or last_alive_unix_secs or since
        left = min(max(left, since), began_unix_secs)
        attempt.earlier = [*before.earlier, _closed(before, left)]
        wanted = before.exit_code in (DONE, STOPPED_BY_USER)
        lost = {
            "redone": max(0.0, left - since),
            "paused" if wanted else "downtime": began_unix_secs - left,
        }
    workdir.write_json(FILE, dataclasses.asdict(attempt))
    return attempt, lost


def _closed(attempt: Attempt, left_unix_secs: float) -> dict[str, Any]:
    """An attempt as those after it keep it; where killed, its last sign."""
    stored = dataclasses.asdict(attempt) | {"ended_unix_secs": left_unix_secs}
    return {name: value for name, value in stored.items() if name != "earlier"}


def _read(workdir: Workdir) -> Attempt | None:
    stored = workdir.read_json(FILE)
    known = {field.name for field in dataclasses.fields(Attempt)}
    # Those that were added later may be missing.
    needed = known - {"began_step", "earlier"}
    if stored is None or not needed <= set(stored) <= known:
        return None
    return Attempt(**stored)
