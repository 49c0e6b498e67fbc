"""What a supervisor decides when a job's processes have ended.

Pure: no process, no clock, no file. The exit codes are the trainer's, as its
--help lists them.
"""

import dataclasses
from collections.abc import Sequence

from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import DIVERGED
from trainer.process.exits import DONE
from trainer.process.exits import INTERRUPTED
from trainer.process.exits import MISTAKE
from trainer.process.exits import STOPPED
from trainer.process.exits import STOPPED_BY_USER

FAILED = 1
# Started again, the job would end the same way, or its user wants it to end.
FINAL = (MISTAKE, DIVERGED, STOPPED_BY_USER, INTERRUPTED)
# A worker that fails first so often in a row is taken for one that cannot come
# back.
FAILURES_OF_ONE = 3
# How long a start waits for machines, such as one that boots; without the time
# in which they are asked.
AWAY_SECS = 3600.0

# A worker gives its first sign of life before it imports TensorFlow: what is
# slow until then is a disk.
START_SECS = 300

# Before the second restart without progress; the first is at once, and each
# further one waits twice as long, but never longer than the most.
FIRST_DELAY_SECS = 1.0
MOST_DELAY_SECS = 60.0


def shell_code(code: int) -> int:
    """Returns an exit code as a shell gives it: 128 + N for a signal, -N."""
    return code if code >= 0 else 128 - code


def code_when_told(codes: Sequence[int]) -> int | None:
    """Returns the code of a job that was told to leave, and left.

    Args:
      codes: exit code of each worker, the chief's first.

    Returns:
      None where the chief wrote no checkpoint in answer, and did not end.
    """
    if codes[0] in (DONE, STOPPED, STOPPED_BY_USER):
        return codes[0]
    return next((code for code in FINAL if code in codes), None)


@dataclasses.dataclass(frozen=True)
class Policy:
    """How long a supervisor tries.

    Attributes:
      num_workers: of a whole job.
      min_workers: with which the job still goes on.
      max_restarts: in a row without a step that lasts.
      start_secs: until a worker's first sign of life.
    """

    num_workers: int
    min_workers: int
    max_restarts: int = 10
    start_secs: float = START_SECS


@dataclasses.dataclass(frozen=True)
class Leave:
    """End with this code."""

    code: int


@dataclasses.dataclass(frozen=True)
class Restart:
    """Start this many workers after a delay."""

    workers: int
    delay_secs: float


@dataclasses.dataclass
class Supervision:
    """What a supervisor remembers between two starts of the job.

    Attributes:
      policy: what it goes by.
      step: of the newest checkpoint at the last end.
      failures: restarts in a row without progress.
      first_failed: worker that failed first at the last end.
      failures_of_one: how often in a row that one did.
      workers: started last.
      waited_secs: since the last end, for machines that do not answer.
    """

    policy: Policy
    step: int = 0
    failures: int = 0
    first_failed: int | None = None
    failures_of_one: int = 0
    workers: int = 0
    waited_secs: float = 0.0

    def __post_init__(self) -> None:
        self.workers = self.policy.num_workers

    def decide(
        self, codes: Sequence[int], first_failed: int | None, step: int
    ) -> Leave | Restart:
        """Decides what follows the end of all processes.

        Args:
          codes: exit code of each worker; negative for a signal.
          first_failed: the worker whose end came first and was not 0.
          step: of the newest checkpoint now.
        """
        for code in FINAL:
            if code in codes:
                return Leave(code)
        # The chief's 0 stands for the job's: it leaves last, its result
        # written.
        if codes[0] == DONE:
            return Leave(DONE)
        self._count(first_failed, step)
        if self.failures > self.policy.max_restarts:
            formed = any(code != CLUSTER_FAILED for code in codes)
            return Leave(FAILED if formed else CLUSTER_FAILED)
        self.workers = self._size()
        return Restart(self.workers, self._delay_secs())

    def wait(self) -> Leave | Restart:
        """Decides what follows where too few machines could be had.

        It is no failure of the job: how often it may fail has no part in it.
        """
        if self.waited_secs >= AWAY_SECS:
            return Leave(CLUSTER_FAILED)
        delay_secs = min(
            MOST_DELAY_SECS, max(FIRST_DELAY_SECS, self.waited_secs)
        )
        self.waited_secs += delay_secs
        return Restart(self.workers, delay_secs)

    def pays_to_return(self, step: int) -> bool:
        """Counts an end at the surroundings' wish.

        Args:
          step: of the newest checkpoint now.

        Returns:
          Whether to start again later: not where too many in a row came
          without a newer checkpoint.
        """
        self.failures = 0 if step > self.step else self.failures + 1
        self.step = max(self.step, step)
        return self.failures <= self.policy.max_restarts

    def _count(self, first_failed: int | None, step: int) -> None:
        progress = step > self.step
        same = first_failed == self.first_failed and not progress
        self.failures = 1 if progress else self.failures + 1
        self.failures_of_one = self.failures_of_one + 1 if same else 1
        self.step = max(self.step, step)
        self.first_failed = first_failed
        self.waited_secs = 0.0

    def _size(self) -> int:
        """Goes on with one fewer where one stays away; then tries all."""
        policy = self.policy
        if self.failures_of_one < FAILURES_OF_ONE:
            return policy.num_workers
        self.failures_of_one = 0
        return max(policy.min_workers, self.workers - 1)

    def _delay_secs(self) -> float:
        if self.failures <= 1:
            return 0.0
        # The exponent is held down: 2.0 ** 1024 is no float.
        doubled = 2.0 ** min(self.failures - 2, 60)
        return min(MOST_DELAY_SECS, FIRST_DELAY_SECS * doubled)
