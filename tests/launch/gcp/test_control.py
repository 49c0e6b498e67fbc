"""What a launcher does where a bucket or its own disk fails it."""

import pathlib

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TRAINER
from trainer.launch.gcp import flags
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.launcher import Launcher
from trainer.launch.supervise.signals import Signals


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """A launcher of a job on one machine, with no gcloud to ask."""
    monkeypatch.chdir(tmp_path)
    words = [*GPU[1:], "--max_hours=2", "--", *TRAINER]
    request = flags.request_of("gpu", *flags.read_flags("gpu", words))
    return Launcher(Client(), request, Signals())


def test_machines_are_removed_before_results_are_fetched(
    launcher, monkeypatch, capsys
):
    removed = []
    monkeypatch.setattr(launcher._fleet, "remove", lambda: removed)
    pathlib.Path("runs").touch()
    assert launcher._end(0) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert "no machine is left" in first
    assert "results stay in gs://mine/mnist" in second
