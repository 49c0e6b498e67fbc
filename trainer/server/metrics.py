"""A server's numbers for Prometheus.

https://prometheus.io/docs/practices/naming
"""

import math
import os
import struct
from collections.abc import Callable
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import Histogram
from prometheus_client import multiprocess

from trainer.server.drift import Found
from trainer.server.settings import FOLDER_VARIABLE
from trainer.serving.shifts import Confidence
from trainer.serving.shifts import Shift

_TRIES = 100
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4
Count = Callable[[str, str, int, float], None]
_SECS = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0),
)
_ROWS = tuple(float(2**n) for n in range(0, 14))

# What is told of a column while no row was asked of a new version.
_UNKNOWN = Shift("", math.nan, 0.0, None, None, (math.nan,) * 2, math.nan)
# And of the answers, then or where they are no classes.
_UNSURE = Confidence(math.nan, math.nan, math.nan, math.nan)

# What is told of how far rows have moved, and what of it by column.
_DRIFT = {
    "rows": "Newest rows asked, which the drift is of.",
    "psi": "Population stability index against the training rows.",
    "moved": "1 where the index is beyond chance and beyond 0.1, else 0.",
    "missing_ratio": "Share of rows without a value.",
    "new_ratio": "Share of rows whose text no training row has.",
    "confidence_ratio": "Mean chance of what was answered.",
    "expected_accuracy_ratio": (
        "Accuracy that follows from the confidence; an estimate."
    ),
}
_BY_COLUMN = ("psi", "moved", "missing_ratio", "new_ratio")


class Metrics:
    """What is counted of requests and batches."""

    def __init__(self) -> None:
        self._children: dict[Any, Any] = {}
        self._columns: dict[str, set[str]] = {}
        self._registry = CollectorRegistry()
        self._of_requests()
        self._drift = {
            name: Gauge(
                f"strata_server_drift_{name}",
                words,
                ("model", "column") if name in _BY_COLUMN else ("model",),
                # Of several processes each tells its own.
                multiprocess_mode="liveall",
                registry=self._registry,
            )
            for name, words in _DRIFT.items()
        }

    def _of_requests(self) -> None:
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
        self._child(self._requests, model, ask, str(code)).inc()
        self._child(self._secs, ask).observe(secs)

    def waiting(self, model: str, requests: int) -> None:
        """Notes how many requests wait."""
        self._child(self._waiting, model).set(requests)

    def batch(self, model: str, rows: int, size: int) -> None:
        """Counts a batch: its rows and its size."""
        self._child(self._batch_rows, model).observe(rows)
        if size > rows:
            self._child(self._padding, model).inc(size - rows)

    def _child(self, metric: Any, *labels: str) -> Any:
        """Returns a metric's part of some labels: to look it up takes long."""
        key = (metric, labels)
        if key not in self._children:
            self._children[key] = metric.labels(*labels)
        return self._children[key]

    def answers(self, model: str, version: int) -> None:
        """Notes which version answers from now on."""
        self._versions.labels(model).set(version)

    def drift(self, model: str, found: Found) -> None:
        """Notes how far rows have moved; what is not known is no number."""
        told = {shift.name: shift for shift in found.shifts}
        columns = self._columns.setdefault(model, set())
        columns.update(told)
        for name in columns:
            shift = told.get(name, _UNKNOWN)
            self._tell("psi", shift.psi, model, name)
            self._tell("moved", shift.has_moved, model, name)
            self._tell("missing_ratio", shift.missing[1], model, name)
            self._tell("new_ratio", shift.new, model, name)
        sure = found.confidence or _UNSURE
        self._tell("rows", found.rows, model)
        self._tell("confidence_ratio", sure.mean_probability_now, model)
        self._tell("expected_accuracy_ratio", sure.accuracy_now, model)

    def _tell(self, name: str, value: float, *labels: str) -> None:
        self._child(self._drift[name], *labels).set(value)

    def text(self) -> bytes:
        """Returns all of it, as Prometheus reads it."""
        if FOLDER_VARIABLE not in os.environ:
            return prometheus_client.generate_latest(self._registry)
        return _of_all(os.environ[FOLDER_VARIABLE])


def _of_all(folder: str) -> bytes:
    """Returns what all processes said."""
    for left in reversed(range(_TRIES)):
        whole = CollectorRegistry()
        try:
            _forget_dead(folder)
            multiprocess.MultiProcessCollector(whole)  # type: ignore[no-untyped-call]
            return prometheus_client.generate_latest(whole)
        except (OSError, RuntimeError, ValueError, struct.error):
            # A process that starts makes its files, or another removed one's.
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _forget_dead(folder: str) -> None:
    """Removes what processes that are gone said of the moment."""
    for name in os.listdir(folder):
        pid = name.rpartition("_")[2].partition(".")[0]
        if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
            multiprocess.mark_process_dead(int(pid))  # type: ignore[no-untyped-call]
