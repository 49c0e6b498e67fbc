"""Which start of a run this is, and how the one before it ended.

Each start of a run is an attempt; the chief notes it in attempt.json, where
launchers read how it ended. What passed between the newest checkpoint and
this start is lost, and counted as such. Standard library alone.
"""

import dataclasses
from typing import Any

from trainer.process import moments
from trainer.process.exits import DONE
from trainer.process.exits import STOPPED_BY_USER
from trainer.process.moments import Moment
from trainer.workdir.folder import Workdir

FILE = "attempt.json"
# Fields that workdirs of earlier versions lack.
_ADDED = {
    *("began_step", "earlier"),
    *("began_boot_secs", "ended_boot_secs", "boot"),
}


@dataclasses.dataclass
class Attempt:
    """One start of a run.

    Attributes:
      attempt: its number, from 1.
      run_began_unix_secs: when the first process of the run was started.
      began_unix_secs, began_boot_secs: when this process was started.
      ended_unix_secs, ended_boot_secs: when it left; None while it runs, or
        where it was killed.
      boot: that both boot_secs count from; see `Moment`.
      exit_code: by which it left.
      step: that its last checkpoint holds, or at which it diverged.
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
    began_boot_secs: float | None = None
    ended_boot_secs: float | None = None
    boot: str | None = None

    def end(self, workdir: Workdir, code: int, step: int) -> None:
        """Notes how this attempt ends."""
        now = moments.now()
        self.ended_unix_secs, self.ended_boot_secs = (
            now.unix_secs,
            now.boot_secs,
        )
        self.exit_code, self.step = code, step
        workdir.write_json(FILE, dataclasses.asdict(self))

    @property
    def run_began(self) -> Moment:
        """When the first process of the run was started."""
        first = self.earlier[0] if self.earlier else dataclasses.asdict(self)
        if first["began_unix_secs"] != self.run_began_unix_secs:
            return Moment(self.run_began_unix_secs)
        return moment_of(first, "began") or Moment(self.run_began_unix_secs)


def moment_of(stored: dict[str, Any], what: str) -> Moment | None:
    """Returns when a stored attempt "began" or "ended"; None if unknown."""
    unix_secs = stored.get(f"{what}_unix_secs")
    if unix_secs is None:
        return None
    return Moment(
        unix_secs, stored.get(f"{what}_boot_secs"), stored.get("boot")
    )


def begin(
    workdir: Workdir,
    began: Moment,
    saved: Moment | None,
    step: int = 0,
    last_alive: Moment | None = None,
) -> tuple[Attempt, dict[str, float]]:
    """Notes that a new attempt begins.

    Args:
      workdir: that this process holds.
      began: when this process was started.
      saved: when the state that it goes on from was taken; None where it
        begins anew.
      step: that it goes on from.
      last_alive: when the process that held the workdir before this one last
        was seen alive; None where there was none.

    Returns:
      The attempt, and the seconds lost since that state by category: "redone"
      are those of steps that will be taken again, and "downtime" those in
      which no process ran, or "paused" where the user wanted it so.
    """
    before = _read(workdir)
    attempt = Attempt(1, began.unix_secs, began.unix_secs, began_step=step)
    attempt.began_boot_secs, attempt.boot = began.boot_secs, began.boot
    lost = {}
    if before is not None:
        attempt.attempt = before.attempt + 1
        attempt.run_began_unix_secs = before.run_began_unix_secs
        since = saved or before.run_began
        left = moment_of(dataclasses.asdict(before), "ended")
        left = left or last_alive or since
        attempt.earlier = [*before.earlier, _closed(before, left, began)]
        wanted = before.exit_code in (DONE, STOPPED_BY_USER)
        # Both clocks may tell of the whole, where one tells of its parts.
        lost_secs = began.since(since)
        # One that left at its checkpoint took no step after it.
        has_left = saved is not None and before.step == step
        redone_secs = 0.0 if has_left else min(left.since(since), lost_secs)
        lost = {
            "redone": redone_secs,
            "paused" if wanted else "downtime": lost_secs - redone_secs,
        }
    workdir.write_json(FILE, dataclasses.asdict(attempt))
    return attempt, lost


def _closed(attempt: Attempt, left: Moment, now: Moment) -> dict[str, Any]:
    """An attempt as those after it keep it; where killed, its last sign."""
    stored = dataclasses.asdict(attempt)
    if attempt.ended_unix_secs is None:
        stored["ended_unix_secs"] = min(left.unix_secs, now.unix_secs)
    return {name: value for name, value in stored.items() if name != "earlier"}


def _read(workdir: Workdir) -> Attempt | None:
    stored = workdir.read_json(FILE)
    known = {field.name for field in dataclasses.fields(Attempt)}
    needed = known - _ADDED
    if stored is None or not needed <= set(stored) <= known:
        return None
    return Attempt(**stored)
