"""What a launcher does where a bucket or its own disk fails it."""

import pathlib

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TRAINER
from trainer.launch.gcp import flags
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Answer
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.launcher import Launcher
from trainer.launch.supervise.signals import Signals
from trainer.process.moments import boot_secs


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


@pytest.mark.parametrize("text", ['{"code": 0}', None])
def test_an_earlier_outcome_that_stays_ends_the_start(
    text, launcher, monkeypatch
):
    """The others of what is removed are missing, as a rule."""
    told = "403; The following URLs matched no objects or files: setup.log"
    monkeypatch.setattr(Client, "ask", lambda *_: Answer(1, "", told))
    monkeypatch.setattr(Client, "need", lambda *_: "")
    monkeypatch.setattr(Client, "read", lambda *_: text)
    if text is None:
        launcher.control.prepare(has_code=True)
        return
    with pytest.raises(GcloudError, match="earlier start"):
        launcher.control.prepare(has_code=True)


def test_machines_made_again_are_handed_the_rest_of_the_time(
    launcher, monkeypatch
):
    """By all of them: a TPU's script and Vertex AI's job hold the limit."""
    handed = []

    def note(request, zone):
        handed.append(request.max_secs)
        return "startup.sh", ""

    monkeypatch.setattr(plan, "handed", note)
    monkeypatch.setattr(launcher._fleet, "make", lambda *_: None)
    launcher._deadline = boot_secs() + 3600
    assert launcher._make_in("us-central1-a", ["mnist-0"]) is None
    assert 3500 < handed[0] <= 3600
