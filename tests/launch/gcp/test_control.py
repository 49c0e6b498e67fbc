"""What a launcher does where a bucket or its own disk fails it."""

import dataclasses
import json
import pathlib
import signal

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TRAINER
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp import flags
from trainer.launch.gcp import launcher as launchers
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Answer
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.fleet import Machine
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


@pytest.fixture
def removals(launcher, monkeypatch):
    """Where it is noted that all machines are removed; a launcher in haste."""
    noted = []

    def remove():
        noted.append("all")
        return []

    monkeypatch.setattr(launcher._fleet, "remove", remove)
    monkeypatch.setattr(launchers, "POLL_SECS", 0.0)
    return noted


MACHINE = Machine("gpu", "mnist-0", "us-east1-c", "mnist", "RUNNING", "g2")


def failing(times):
    """Returns a list of machines that fails first."""
    left = [GcloudError("503, try again")] * times

    def there():
        if left:
            raise left.pop()
        return [MACHINE]

    return there


def test_a_list_that_fails_ends_no_job_that_is_there(
    launcher, removals, monkeypatch, capsys
):
    monkeypatch.setattr(launcher._fleet, "there", failing(2))
    assert launcher.run(detach=True, has_code=False) == 0
    assert not removals
    told = capsys.readouterr().err
    assert told.count("503, try again; trying again") == 2
    assert "mnist is there; following it" in told


def test_a_launcher_that_leaves_before_it_saw_a_job_leaves_it_alone(
    launcher, removals, monkeypatch
):
    monkeypatch.setattr(launcher._fleet, "there", failing(99))
    launcher._signals.add(signal.SIGINT)
    assert launcher.run(detach=False, has_code=False) == 130
    assert not removals


def test_a_disk_that_is_full_ends_no_job(
    launcher, removals, monkeypatch, capsys
):
    """Nor is a job deleted without a checkpoint that is to be stopped."""
    sent = []
    monkeypatch.setattr(launcher._fleet, "there", failing(0))
    monkeypatch.setattr(Client, "need", lambda _, words: sent.append(words))
    monkeypatch.setattr(
        launcher.control, "outcome", lambda: {"code": 43} if sent else None
    )
    pathlib.Path(".strata").touch()  # As one on which nothing can be made.
    looks = []

    def look():
        looks.append("log")
        if len(looks) == 4:
            pathlib.Path(".strata").unlink()

    monkeypatch.setattr(launcher.control, "show_log", look)
    monkeypatch.setattr(launcher.control, "fetch", lambda: None)
    monkeypatch.setattr(launcher._progress, "show_console", lambda _: None)
    launcher._signals.add(signal.SIGTERM)
    assert launcher.run(detach=False, has_code=False) == 43
    assert "gs://mine/mnist/STOP" in sent[0]
    assert removals == ["all"]
    assert "mnist/stop cannot be written: Not a dir" in capsys.readouterr().err


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


def test_results_are_not_fetched_over_another_run(
    launcher, removals, monkeypatch, capsys
):
    monkeypatch.setattr(Client, "json", lambda *_: [])
    monkeypatch.setattr(Client, "ask", lambda *_: Answer(0, "", ""))
    pathlib.Path("runs/mnist").mkdir(parents=True)
    words = [*GPU, "--project=our-project", "--yes", "--", *TRAINER]
    monkeypatch.setattr(command, "_check_tools", lambda: None)
    assert command.main(words) == 2
    told = capsys.readouterr().err
    assert "over what is in runs/mnist, which is not noted as this" in told
    assert not pathlib.Path(".strata/gcp/mnist/request.json").exists()
    # What it fetched itself is its own, also where another started the job.
    pathlib.Path("runs/mnist").rmdir()
    launcher._end(0)
    assert pathlib.Path("runs/mnist").is_dir()
    assert launcher.there() == []


def test_what_a_launcher_tells_to_run_names_the_project(
    launcher, removals, monkeypatch, capsys
):
    request = dataclasses.replace(launcher._request, project="our-project")
    launcher = Launcher(Client(), request, Signals())
    monkeypatch.setattr(launcher._fleet, "there", failing(0))
    assert launcher.run(detach=True, has_code=False) == 0
    where = "--name=mnist --project=our-project"
    told = capsys.readouterr().err
    assert told.count(f" {where} --bucket=gs://mine ") == 4
    assert f"{where} --bucket=gs://mine goes" in str(launcher._out_of_time())
    monkeypatch.setattr(launcher._fleet, "there", failing(99))
    monkeypatch.setattr(launcher._fleet, "_pause", lambda _: None)
    (told,) = launcher._fleet.remove()
    assert told.endswith(f"run strata launch gcp delete {where}")


def test_a_launcher_that_waits_for_room_makes_none_of_a_deleted_job(
    launcher, removals, monkeypatch, capsys
):
    made, told = [], json.loads(plan.deleted())

    def make():
        made.append("one")
        return "stockout"

    monkeypatch.setattr(launchers, "FIRST_DELAY_SECS", 0.0)
    monkeypatch.setattr(launcher._fleet, "there", lambda: [])
    monkeypatch.setattr(launcher.control, "prepare", lambda _: None)
    monkeypatch.setattr(launcher._progress, "begin", lambda: None)
    monkeypatch.setattr(launcher, "_make_once", make)
    monkeypatch.setattr(launcher.control, "outcome", lambda: told)
    monkeypatch.setattr(launcher.control, "fetch", lambda: None)
    assert launcher.run(detach=False, has_code=False) == 1
    assert made == ["one"]
    assert "mnist was deleted by me" in capsys.readouterr().err


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
