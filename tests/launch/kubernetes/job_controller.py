"""What Kubernetes' Job controller counts, on a fake clock.

After kubernetes.io/docs/concepts/workloads/controllers/job: of the pod failure
policy the first rule that fits decides; what is not ignored counts towards
backoffLimit; a pod is made again after a delay that doubles from 10 s to 6 min
with each pod that failed, ignored or not, since one succeeded.
"""

import dataclasses
from typing import Any

FIRST_DELAY_SECS = 10.0
MOST_DELAY_SECS = 360.0
KILLED = 137


@dataclasses.dataclass
class End:
    """How a pod ended.

    Attributes:
      code: of its container.
      disrupted: whether the cluster took it away: condition DisruptionTarget.
    """

    code: int
    disrupted: bool = False


@dataclasses.dataclass
class JobController:
    """One Indexed Job.

    Attributes:
      spec: of the Job.
      now_secs: of the fake clock.
      failed: pods that count towards backoffLimit.
      made: pods, those of the start included.
      reason: why the Job failed, or None.
    """

    spec: dict[str, Any]
    now_secs: float = 0.0
    failed: int = 0
    made: int = 0
    reason: str | None = None
    done: set[int] = dataclasses.field(default_factory=set)
    _failures_in_a_row: int = 0

    def __post_init__(self) -> None:
        self.made = self.spec["completions"]

    @property
    def complete(self) -> bool:
        return len(self.done) == self.spec["completions"]

    def run(self, secs: float) -> None:
        """Lets the clock run, to the Job's deadline at most."""
        self.now_secs += secs
        if self.now_secs >= self.spec["activeDeadlineSeconds"]:
            self.reason = self.reason or "DeadlineExceeded"

    def end(self, ends: dict[int, End]) -> None:
        """Takes in the ends of pods, {index: End}, at one time."""
        if self.reason:
            return
        failures = {i: e for i, e in ends.items() if e.code}
        if succeeded := set(ends) - set(failures):
            self.done |= succeeded
            self._failures_in_a_row = 0
        for each in failures.values():
            action = self._action(each)
            if action == "FailJob":
                self.reason = "PodFailurePolicy"
                return
            self.failed += action != "Ignore"
        if self.failed > self.spec["backoffLimit"]:
            self.reason = "BackoffLimitExceeded"
        elif failures:
            self._make_again(len(failures))

    def _action(self, end: End) -> str:
        for rule in self.spec["podFailurePolicy"]["rules"]:
            if "onExitCodes" in rule:
                codes = rule["onExitCodes"]
                assert codes["operator"] == "In"
                fits = end.code in codes["values"]
            else:
                (condition,) = rule["onPodConditions"]
                assert condition["type"] == "DisruptionTarget"
                fits = end.disrupted
            if fits:
                return rule["action"]
        return "Count"

    def _make_again(self, pods: int) -> None:
        doubled_secs = FIRST_DELAY_SECS * 2.0**self._failures_in_a_row
        self._failures_in_a_row += pods
        self.made += pods
        self.run(min(doubled_secs, MOST_DELAY_SECS))
