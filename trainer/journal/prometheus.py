"""A run's numbers for operators, named as Prometheus has it.

Base units stand in the names, totals end with `_total`, and what was at a time
is that time: its age is `time() - strata_checkpoint_timestamp_seconds`. What is
not known yet is left out.
"""

import time

from prometheus_client import CollectorRegistry
from prometheus_client import Counter
from prometheus_client import Gauge
from prometheus_client import Info

from trainer.journal import alerts
from trainer.journal.writer import Ending
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.process import clock
from trainer.version import __version__

GAUGES = {
    "step": "Training steps done.",
    "last_step": "Step at which the run ends at the latest.",
    "epoch": "That the step belongs to, from 1.",
    "learning_rate": "Of the step that comes.",
    "examples_per_second": "Rows trained on, by the newest train line.",
    "step_seconds": "Mean of a step, by the newest train line.",
    "input_wait_ratio": (
        "Share of the time that went into waiting for rows, by the newest"
        " train line."
    ),
    "host_peak_memory_bytes": "Most memory that this process has held.",
    "device_peak_memory_bytes": "Most that a GPU of this process has held.",
    "replicas": "Of the job.",
    "goodput_ratio": "Share of the wanted time that went into training.",
    "checkpoint_step": "Of the newest checkpoint that is whole.",
    "checkpoint_timestamp_seconds": "When it was whole, in Unix time.",
    "checkpoint_write_seconds": "That it took in the background.",
}
# As a train line calls them, where it does otherwise.
_NAMED = {
    "examples_per_sec": "examples_per_second",
    "step_secs": "step_seconds",
    "input_wait_share": "input_wait_ratio",
}
_WORKER = "worker_secs/"


class Prometheus(Writer):
    """Puts what it hears into a registry, which a server shows."""

    def __init__(self, subject: Subject, registry: CollectorRegistry) -> None:
        """Shows the run, none of whose steps is taken yet.

        Args:
          subject: the run.
          registry: that is shown.
        """
        self._registry, self._epochs = registry, subject.epochs
        self._gauges: dict[str, Gauge] = {}
        self._told_step = subject.first_step
        self._told_secs: dict[str, float] = {}
        Info("strata_run", "What runs.", registry=registry).info(
            {
                "version": __version__,
                "workdir": str(subject.workdir.path),
                "data": subject.dataset.name,
                "problem": subject.network.problem.type,
            }
        )
        self._steps = self._counter("steps", "Steps that this process took.")
        self._examples = self._counter(
            "examples", "Rows that the job was trained on in this process."
        )
        self._secs = self._counter(
            "goodput_seconds",
            "Wall time of the run by category, restarts included.",
            "category",
        )
        self._alerts = self._counter("alerts", "Warnings by name.", "name")
        restarts = self._counter("restarts", "Starts of the run but its first.")
        restarts.inc(subject.restarts)
        self._loss = self._gauge("loss", "Newest loss of a split.", "split")
        self._score = self._gauge(
            "score", "Newest value of a metric.", "split", "metric"
        )
        self._own_secs = self._gauge(
            "worker_step_seconds", "A worker's own work in a step.", "worker"
        )
        self._show("last_step", subject.epochs.total_steps)
        self._show_step(subject.first_step)

    def _gauge(self, name: str, words: str, *labels: str) -> Gauge:
        return Gauge(f"strata_{name}", words, labels, registry=self._registry)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"strata_{name}", words, labels, registry=self._registry)

    def _show(self, name: str, value: float) -> None:
        """Shows one of GAUGES, from its first value on."""
        if name not in self._gauges:
            self._gauges[name] = self._gauge(name, GAUGES[name])
        self._gauges[name].set(value)

    def _show_step(self, step: int) -> None:
        self._show("step", step)
        self._show("epoch", self._epochs.epoch_of(step))

    def progress(
        self, step: int, values: dict[str, float], *, is_last: bool
    ) -> None:
        before, self._told_step = self._told_step, step
        self._steps.inc(step - before)
        self._examples.inc(self._epochs.examples_of(before, step))
        self._show_step(step)

    def line(self, line: Line) -> None:
        self._show_scores(line.split, line.values)
        for name, value in line.extra.items():
            if name.startswith(_WORKER):
                worker = name.removeprefix(_WORKER)
                self._own_secs.labels(worker).set(value)
            else:
                self._show(_NAMED.get(name, name), value)
        self._show_secs(line.secs)

    def alert(self, step: int, words: str) -> None:
        self._alerts.labels(alerts.name_of(words)).inc()

    def goodput(self, step: int, secs: dict[str, float]) -> None:
        self._show_secs(secs)

    def saved(self, step: int, secs: float) -> None:
        self._show("checkpoint_step", step)
        self._show("checkpoint_timestamp_seconds", time.time())
        self._show("checkpoint_write_seconds", secs)

    def end(self, told: Ending) -> None:
        for split, values in told.scores.items():
            self._show_scores(split, values)
        self._show_secs(told.result["goodput"])

    def _show_scores(self, split: str, values: dict[str, float]) -> None:
        for name, value in values.items():
            if name == "loss":
                self._loss.labels(split).set(value)
            else:
                self._score.labels(split, name).set(value)

    def _show_secs(self, secs: dict[str, float]) -> None:
        self._show("goodput_ratio", clock.share(secs))
        for name, value in secs.items():
            # By the clock "other" may step back a little; a total must not.
            grown = max(0.0, value - self._told_secs.get(name, 0.0))
            self._secs.labels(name).inc(grown)
            self._told_secs[name] = self._told_secs.get(name, 0.0) + grown
