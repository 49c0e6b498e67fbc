"""A server's numbers for Prometheus.

https://prometheus.io/docs/practices/naming
"""

import os
from collections.abc import Callable

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import Histogram
from prometheus_client import multiprocess

# Where several processes keep their numbers, as prometheus_client reads it when
# it is imported.
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4
Count = Callable[[str, str, int, float], None]
_SECS = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)
_ROWS = tuple(float(2**n) for n in range(0, 14))


class Metrics:
    """What is counted of requests and batches."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "strata_server_requests",
            "Requests by what they asked and the status that they got.",
            ("model", "ask", "code"),
            registry=registry,
        )
        self._secs = Histogram(
            "strata_server_request_seconds",
            "Seconds from a request's headers to its answer.",
            ("ask",),
            buckets=_SECS,
            registry=registry,
        )
        self._batch_rows = Histogram(
            "strata_server_batch_rows",
            "Rows of the batches that were run, without their padding.",
            ("model",),
            buckets=_ROWS,
            registry=registry,
        )
        self._padding = Counter(
            "strata_server_padding_rows",
            "Rows of zeros that filled batches up.",
            ("model",),
            registry=registry,
        )
        self._waiting = Gauge(
            "strata_server_waiting_requests",
            "Requests that no batch has taken yet.",
            ("model",),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._versions = Gauge(
            "strata_server_model_version",
            "The version that answers; 0 is a run without an export.",
            ("model",),
            multiprocess_mode="livemin",
            registry=registry,
        )

    def request(self, model: str, ask: str, code: int, secs: float) -> None:
        """Counts a request that was answered."""
        self._requests.labels(model, ask, str(code)).inc()
        self._secs.labels(ask).observe(secs)

    def batch(self, model: str, rows: int, size: int, waiting: int) -> None:
        """Counts a batch: its rows, its size, and the parts that wait."""
        self._waiting.labels(model).set(waiting)
        self._batch_rows.labels(model).observe(rows)
        if size > rows:
            self._padding.labels(model).inc(size - rows)

    def answers(self, model: str, version: int) -> None:
        """Notes which version answers from now on."""
        self._versions.labels(model).set(version)

    def text(self) -> bytes:
        """Returns all of it, as Prometheus reads it."""
        if FOLDER_VARIABLE not in os.environ:
            return prometheus_client.generate_latest(self._registry)
        _forget_dead(os.environ[FOLDER_VARIABLE])
        whole = CollectorRegistry()
        multiprocess.MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
        return prometheus_client.generate_latest(whole)


def _forget_dead(folder: str) -> None:
    """Removes what processes that are gone said of the moment."""
    for name in os.listdir(folder):
        pid = name.rpartition("_")[2].partition(".")[0]
        if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
            multiprocess.mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
