"""Where a run stands."""

import dataclasses
from typing import Any

from trainer.journal.alerts import Memory
from trainer.process.moments import Moment


@dataclasses.dataclass
class State:
    """What a checkpoint holds beside the arrays; all of it is JSON.

    Attributes:
      step: global steps done.
      sums: `Problem.sum_names` of the rows since the last train line.
      examples: how many rows those were.
      owed: what a train line of the step says beside its metrics, where that
        line and the scores are left to the next start; else None.
      alerts: what they know of the run.
      best, best_step: value and step of the best `select_by` so far.
      worse: evaluations since then.
      stopped_early: whether `patience` has run out.
      saved_unix_secs, saved_boot_secs, saved_boot: when this state was taken
        for a checkpoint; see `Moment`.
      goodput: seconds by category until then, over all starts.
    """

    step: int = 0
    sums: list[float] = dataclasses.field(default_factory=list)
    examples: int = 0
    owed: dict[str, float] | None = None
    alerts: Memory = dataclasses.field(default_factory=Memory)
    best: float | None = None
    best_step: int | None = None
    worse: int = 0
    stopped_early: bool = False
    saved_unix_secs: float | None = None
    saved_boot_secs: float | None = None
    saved_boot: str | None = None
    goodput: dict[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, scalars: dict[str, Any]) -> "State":
        """Returns what a checkpoint holds, less what is its writer's own."""
        state = cls(**_known(cls, scalars))
        # Earlier versions' checkpoints hold none.
        memory = scalars.get("alerts", {})
        state.alerts = Memory(**_known(Memory, memory))
        return state

    @property
    def saved(self) -> Moment | None:
        """When this state was taken for a checkpoint; None where it was not."""
        if self.saved_unix_secs is None:
            return None
        return Moment(
            self.saved_unix_secs, self.saved_boot_secs, self.saved_boot
        )

    def note_saved(self, now: Moment) -> None:
        """Notes that this state is taken for a checkpoint."""
        self.saved_unix_secs = now.unix_secs
        self.saved_boot_secs, self.saved_boot = now.boot_secs, now.boot

    def is_over(self, total_steps: int) -> bool:
        """Returns whether no step of so many is left to take."""
        return self.stopped_early or self.step >= total_steps


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    """Returns those values that are of a dataclass's fields."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {n: v for n, v in values.items() if n in names}
