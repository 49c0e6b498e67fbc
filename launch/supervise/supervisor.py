"""Runs a job's workers, and starts them again, until it ends."""

import sys
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer.launch.supervise.metrics import Numbers
from trainer.launch.supervise.policy import code_when_told
from trainer.launch.supervise.policy import FAILED
from trainer.launch.supervise.policy import Leave
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.policy import Supervision
from trainer.launch.supervise.signals import Signals
from trainer.launch.supervise.workers import Worker
from trainer.launch.supervise.workers import WorkerGroup
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import tell

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

# From how many workers to start, and which one failed first last time, to those
# that were started: none where so few can be had that it does not pay.
Starter = Callable[[int, int | None], Sequence[Worker]]


def supervise(
    policy: Policy,
    start: Starter,
    newest_step: Callable[[], int],
    registry: "CollectorRegistry | None" = None,
    *,
    shows_step: bool = True,
) -> int:
    """Runs the job to its end; returns the exit code.

    Args:
      policy: how long to try.
      start: starts the workers.
      newest_step: of the newest checkpoint.
      registry: shows the numbers of it; None for nobody.
      shows_step: whether newest_step is among them: not where to look for it
        takes other machines.

    Raises:
      ClusterError: a worker does not end, though it was killed.
    """
    state = Supervision(policy, step=newest_step())
    shown = newest_step if shows_step else None
    numbers = registry and Numbers(registry, state, shown)
    signals = Signals()
    with signals.caught():
        while True:
            group = WorkerGroup(
                start(state.workers, state.first_failed),
                start_secs=policy.start_secs,
            )
            if numbers:
                numbers.started(group.workers)
            codes, failed = group.watch(signals)
            if numbers:
                numbers.ended(codes)
            if signals.received:
                return _leave_as_told(signals, codes)
            if group.workers:
                index = None if failed is None else group.workers[failed].index
                verdict = state.decide(codes, index, newest_step())
            else:
                verdict = state.wait()
            if isinstance(verdict, Leave):
                if verdict.code in (FAILED, CLUSTER_FAILED):
                    _explain(group, codes, failed)
                return verdict.code
            print(
                f"workers ended with {codes}; starting {verdict.workers} again"
                f" in {verdict.delay_secs:.0f} s, from step {state.step}",
                flush=True,
            )
            if signals.take(verdict.delay_secs or 1e-3):
                return _leave_as_told(signals, codes)


def _leave_as_told(signals: Signals, codes: list[int]) -> int:
    code = code_when_told(codes)
    if code is None:
        tell(
            f"told to leave, but no checkpoint was written: workers ended with"
            f" {codes}; the newest one stands"
        )
        return signals.unsaved_code()
    return code


def _explain(
    group: WorkerGroup, codes: list[int], first_failed: int | None
) -> None:
    text = f"strata: no progress any more: workers ended with {codes}"
    if group.workers:
        worker = group.workers[first_failed or 0]
        lines = "\n".join(f"  {line}" for line in worker.output.last_lines)
        text += f"; worker {worker.index} failed first, and said last:\n{lines}"
    print(text, file=sys.stderr)
