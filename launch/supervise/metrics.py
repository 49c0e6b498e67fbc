"""A supervisor's numbers for operators, named as Prometheus has it."""

import socket
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING

from trainer.launch.supervise.policy import Supervision
from trainer.launch.supervise.workers import Worker
from trainer.process import exposition

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


def listen(
    host: str, port: int | None, num_workers: int
) -> tuple["CollectorRegistry | None", list[socket.socket]]:
    """Shows this process's numbers, and opens the workers' sockets.

    They are this machine's own, whatever network the workers are given, and
    stay open from one start of a worker to the next.

    Args:
      host: to listen at.
      port: of the supervisor; the workers' are the next ones. None for not at
        all.
      num_workers: of the job that are on this machine, in its hands.

    Returns:
      What shows the supervisor's, and a socket a worker; None and [] where
      nothing is asked for.

    Raises:
      UserError: a port cannot be had.
    """
    if port is None:
        return None, []
    own, *workers = [
        exposition.listen(host, port + place)
        for place in range(num_workers + 1)
    ]
    return exposition.serve(own), workers


class Numbers:
    """What is told of a job, and shown where someone looks."""

    def __init__(
        self,
        registry: "CollectorRegistry",
        state: Supervision,
        newest_step: Callable[[], int] | None,
    ) -> None:
        """Shows a job, none of whose workers is started yet.

        Args:
          registry: that is shown.
          state: what the supervisor remembers.
          newest_step: of the newest checkpoint; None to leave it out.
        """
        from prometheus_client import Counter
        from prometheus_client import Gauge

        self._workers: Sequence[Worker] = []
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "workers_wanted": (
                "Workers of a whole job.",
                lambda: state.policy.num_workers,
            ),
            "workers_running": (
                "Workers whose process lives.",
                lambda: sum(worker.is_running for worker in self._workers),
            ),
            "failures_in_a_row": (
                "Restarts in a row without a newer checkpoint.",
                lambda: state.failures,
            ),
        }
        if newest_step is not None:
            words = "Of the newest checkpoint."
            gauges["checkpoint_step"] = words, newest_step
        for name, (words, read) in gauges.items():
            Gauge(
                f"strata_supervisor_{name}", words, registry=registry
            ).set_function(read)
        self._starts = Counter(
            "strata_supervisor_starts",
            "Starts of all workers, the first included.",
            registry=registry,
        )
        self._exits = Counter(
            "strata_supervisor_worker_exits",
            "Ends of a worker by its exit code, negative for a signal.",
            ("worker", "code"),
            registry=registry,
        )

    def started(self, workers: Sequence[Worker]) -> None:
        """All workers were started."""
        self._workers = workers
        self._starts.inc()

    def ended(self, codes: Sequence[int]) -> None:
        """All workers have ended, by these codes in their order."""
        for worker, code in zip(self._workers, codes, strict=False):
            self._exits.labels(worker.index, code).inc()
