"""A run in MLflow: on a tracking server, or in its own store."""

import os
import pathlib
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import Metric
from mlflow.entities import Param
from mlflow.entities import RunTag

from trainer.journal.tracking import Kept
from trainer.journal.tracking import Tracked
from trainer.journal.tracking import Tracker
from trainer.workdir.lines import Key

# MLflow's own variable for it, and what stands for it.
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
DEFAULT_EXPERIMENT = "strata"
# By which the starts of a run find one another.
IDENTITY = "strata.identity"
# A request may hold so many, by MLflow's REST API.
MOST_METRICS, MOST_PARAMS = 1000, 100
STATUS = {"done": "FINISHED", "stopped": "KILLED"}
_SPLITS = ("train", "validation", "test")


class MlflowTracker(Tracker):
    """One run of an experiment, the same for all starts of the run."""

    def __init__(self, uri: str) -> None:
        """Takes what MLflow takes for a tracking URI."""
        self._client = MlflowClient(uri)
        self._run_id = ""

    def open(self, run: Tracked) -> set[Key]:
        client = self._client
        experiment = self._experiment()
        found = client.search_runs(
            [experiment], f"tags.`{IDENTITY}` = '{run.identity}'"
        )
        known: dict[str, str] = {}
        if found:
            self._run_id = found[0].info.run_id
            client.update_run(self._run_id, status="RUNNING")
            known = found[0].data.params
        else:
            tags = {IDENTITY: run.identity}
            made = client.create_run(experiment, tags=tags, run_name=run.name)
            self._run_id = made.info.run_id
        params = [
            Param(name, str(value))
            for name, value in run.params.items()
            # One that is there cannot be changed: a run that is made longer
            # says so by its last step.
            if name not in known
        ]
        for first in range(0, len(params), MOST_PARAMS):
            some = params[first : first + MOST_PARAMS]
            client.log_batch(self._run_id, params=some)
        client.log_batch(
            self._run_id,
            tags=[RunTag(name, value) for name, value in run.tags.items()],
        )
        return {
            (metric.step, split)
            for split in _SPLITS
            for metric in client.get_metric_history(
                self._run_id, f"{split}/loss"
            )
        }

    def _experiment(self) -> str:
        name = os.environ.get(EXPERIMENT, DEFAULT_EXPERIMENT)
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        return self._client.create_experiment(name)

    def log(self, kept: Sequence[Kept]) -> None:
        batch: list[Metric] = []
        for line in kept:
            metrics = [
                Metric(name, value, round(1e3 * line.unix_secs), line.step)
                for name, value in line.named.items()
            ]
            # A line goes whole or not at all.
            if len(batch) + len(metrics) > MOST_METRICS:
                self._client.log_batch(self._run_id, metrics=batch)
                batch = []
            batch += metrics
        self._client.log_batch(self._run_id, metrics=batch)

    def close(self, status: str, files: Sequence[pathlib.Path]) -> None:
        for path in files:
            self._client.log_artifact(self._run_id, str(path))
        self._client.set_terminated(self._run_id, STATUS.get(status, "FAILED"))
