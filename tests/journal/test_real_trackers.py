"""A run that is killed and goes on, in a real MLflow and in wandb's files.

Left out where the packages are missing: `make test-trackers` brings them.
"""

import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import urllib.request

import pytest
from mlflow import MlflowClient

from tests import processes
from tests.faults import jobs
from trainer.journal import mlflow_tracker
from trainer.journal import wandb_tracker

SERVER_SECS = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Runs MLflow's own server; gives its address."""
    folder = tmp_path_factory.mktemp("mlflow")
    (port,) = processes.free_ports(1)
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--workers=1"),
            *("--host=127.0.0.1", f"--port={port}"),
            f"--backend-store-uri=sqlite:///{folder}/runs.db",
            f"--artifacts-destination={folder}/artifacts",
        ],
        env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        jobs.wait_for("MLflow", lambda: answers(address), SERVER_SECS)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(address):
    try:
        with urllib.request.urlopen(f"{address}/health") as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.slow
def test_each_step_is_there_once_after_a_kill(server, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    workdir = tmp_path / "run"
    words = [
        *("-m", "trainer.task", "--config=digits", f"--workdir={workdir}"),
        *("--config.epochs=30", "--config.log.every_steps=20"),
        "--config.checkpoint.every_steps=200",
        f"--log_to=mlflow:{server},wandb:ours",
    ]
    client = MlflowClient(server)
    first = processes.start_python(*words, stdout=subprocess.DEVNULL)
    jobs.wait_for("a later step", lambda: newest_step(client) > 420)
    first.kill()
    first.wait()
    code, output = processes.finish(processes.start_python(*words))
    assert code == 0, output
    said = collections.Counter(
        (line["split"], line["step"])
        for line in map(
            json.loads, (workdir / "metrics.jsonl").read_text().splitlines()
        )
    )
    (run,) = runs_of(client)
    held = collections.Counter(
        (split, metric.step)
        for split in ("train", "validation", "test")
        for metric in client.get_metric_history(
            run.info.run_id, f"{split}/loss"
        )
    )
    assert held == said
    assert run.info.status == "FINISHED"
    assert run.data.params["optimizer.name"] == "adam"
    kept = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert kept == {"result.json", "report.html"}
    # Each start of wandb's is a folder of its own, and none has another's.
    folders = list(workdir.glob("wandb/offline-run-*"))
    assert len(folders) == 2
    written = collections.Counter(
        (split, step)
        for path in workdir.glob("wandb/offline-run-*/*.wandb")
        for step, split in wandb_tracker.keys_in(pathlib.Path(path))
    )
    assert written == said


def runs_of(client):
    found = client.get_experiment_by_name(mlflow_tracker.DEFAULT_EXPERIMENT)
    return client.search_runs([found.experiment_id]) if found else []


def newest_step(client):
    return max(
        (
            metric.step
            for run in runs_of(client)
            for metric in client.get_metric_history(
                run.info.run_id, "train/loss"
            )
        ),
        default=0,
    )
