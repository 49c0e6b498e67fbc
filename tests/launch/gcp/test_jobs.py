"""`strata launch gcp status|logs|…`, without a cloud."""

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TPU
from tests.launch.gcp.example import TRAINER
from tests.launch.gcp.example import VERTEX
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp import flags
from trainer.launch.gcp import fleet
from trainer.launch.gcp import jobs
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Answer
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.launcher import Launcher
from trainer.launch.gcp.request import from_json
from trainer.launch.gcp.request import owner
from trainer.launch.supervise.signals import Signals


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["status"], "--name"),
        (["stop", "--name=A"], "--name='A' must be"),
        (["stop", "--name=none"], "nothing is noted of it in"),
        (["resume", "--name=none"], "nothing is noted of it in"),
        (["logs", "--name=a", "--bucket=b"], "--bucket='b' must be gs://"),
        (["delete", "--nam=a", "--name=a"], "'--nam=a' is not a flag of"),
        (["list", "x"], "'x' is not a flag of"),
    ],
)
def test_a_verbs_mistake_is_one_line(
    words, told, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    assert command.main(words) == 2
    shown = capsys.readouterr()
    assert told in shown.err
    assert shown.err.count("\n") == 1


def note(folder, example):
    """Notes a job in a folder, as its launcher does."""
    kind, *words = example
    asked = flags.read_flags(kind, [*words, "--", *TRAINER])
    noted = folder / plan.local_folder("mnist")
    noted.mkdir(parents=True)
    text = flags.request_of(kind, *asked).to_json()
    (noted / "request.json").write_text(text)


@pytest.mark.parametrize(
    ("example", "log"),
    [(GPU, "/.strata/mnist/log-0.txt"), (VERTEX, "/logs/worker_0.log")],
)
def test_a_dry_run_reads_the_log_that_is_shown(
    example, log, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    note(tmp_path, example)
    assert command.main(["logs", "--name=mnist", "--dry_run"]) == 0
    assert f"{log} --quiet\n" in capsys.readouterr().out


@pytest.mark.parametrize("example", [GPU, TPU])
def test_a_machine_without_an_address_is_reached_through_iap(
    example, capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    note(tmp_path, [*example, "--no_external_ip"])
    assert command.main(["tensorboard", "--name=mnist", "--dry_run"]) == 0
    assert " --tunnel-through-iap " in capsys.readouterr().out


def test_a_verbs_commands_can_be_seen_alone(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    note(tmp_path, GPU)
    for verb in ("status", "logs", "tensorboard", "stop", "delete", "resume"):
        assert command.main([verb, "--name=mnist", "--dry_run"]) == 0
        shown = capsys.readouterr().out
        assert "gcloud " in shown
    # Its code is in the bucket already, and stays as it is.
    assert " create " in shown
    assert " archive " not in shown
    assert ".tar.gz gs://" not in shown


@pytest.mark.parametrize("verb", ["status", "delete", "list"])
def test_what_is_not_looked_for_is_told(verb, tmp_path, monkeypatch, capsys):
    """Such as a job of Vertex AI, of which nothing is noted here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Client, "ask", lambda *_: Answer(0, "", ""))
    named = [] if verb == "list" else ["--name=mnist"]
    told = "jobs of Vertex AI are not looked for; add --region=REGION"
    assert command.main([verb, *named]) == 0
    assert told in capsys.readouterr().err
    assert command.main([verb, *named, "--region=us-central1"]) == 0
    assert told not in capsys.readouterr().err
    note(tmp_path, GPU)
    if named:
        assert command.main([verb, *named]) == 0
        assert told not in capsys.readouterr().err


def test_machines_of_others_are_shown_and_asked_about(monkeypatch, capsys):
    asked = []

    def confirmed(*words):
        asked.append(words)
        return False

    monkeypatch.setattr(jobs, "confirmed", confirmed)
    machine = fleet.Machine("gpu", "job-0", "z", "job", "RUNNING", "g2", "eve")
    monkeypatch.setattr(fleet, "find", lambda *_: [machine])
    assert command.main(["delete", "--name=job"]) == 1
    told = capsys.readouterr().err
    assert "job  job-0    g2    z     RUNNING  eve" in told
    assert "WARNING: made by eve" in told
    assert "nothing was deleted" in told
    assert len(asked) == 1


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("is_noted", [True, False])
def test_a_launcher_is_told_of_a_deletion_before_it(
    is_noted, refused, tmp_path, monkeypatch, capsys
):
    """Machines that are gone would be made again; they cost where they stay."""
    monkeypatch.chdir(tmp_path)
    if is_noted:
        note(tmp_path, GPU)
    there = [fleet.Machine("gpu", "mnist-0", "z", "mnist", "RUNNING", "g2")]
    monkeypatch.setattr(fleet, "find", lambda *_: [*there])
    asked = []

    def ask(_, words):
        asked.append(words[1:4])
        if words[1] == "storage":
            return Answer(int(refused), "", "ERROR: 403")
        there.clear()
        return Answer(0, "", "")

    monkeypatch.setattr(Client, "ask", ask)
    assert command.main(["delete", "--name=mnist", "--yes"]) == 0
    *told, deletion = asked
    assert deletion == ["compute", "instances", "delete"]
    assert [words[:2] for words in told] == [["storage", "cp"]] * is_noted
    is_told = is_noted and not refused
    assert ("is not told" in capsys.readouterr().err) != is_told


@pytest.mark.parametrize(
    ("owner", "folder", "is_ours"),
    [
        ("eve", "ours", True),
        ("me", "theirs", False),
        ("me", "", True),
        ("", "", True),
        ("eve", "", False),
    ],
)
def test_a_machine_is_of_the_job_whose_folder_it_names(
    owner, folder, is_ours, tmp_path, monkeypatch, capsys
):
    """One of an earlier version, which names none, is its maker's."""
    monkeypatch.chdir(tmp_path)
    note(tmp_path, GPU)
    request = from_json(
        (tmp_path / plan.local_folder("mnist") / "request.json").read_text()
    )
    labels = {
        "strata-job": "mnist",
        "strata-owner": owner,
        "strata-folder": request.folder if folder == "ours" else folder,
    }
    row = {"name": "mnist-0", "zone": "z", "status": "RUNNING"}
    listed = [{**row, "labels": {k: v for k, v in labels.items() if v}}]
    monkeypatch.setattr(Client, "json", lambda *_: listed)
    job = Launcher(Client(), request, Signals())
    deleted = []

    def ask(_, words):
        deleted.append(words)
        listed.clear()
        return Answer(0, "", "")

    monkeypatch.setattr(Client, "ask", ask)
    monkeypatch.setattr(Launcher, "run", lambda *_, **__: 0)
    if is_ours:
        assert [m.name for m in job.there()] == ["mnist-0"]
    else:
        # Neither taken up nor removed.
        assert command.main(["resume", "--name=mnist", "--yes"]) == 2
        told = capsys.readouterr().err
        assert f"--name=mnist is another job's, of {owner}: mnist-0" in told
    assert job._fleet.remove() == []
    assert bool(deleted) == is_ours


@pytest.mark.parametrize(
    ("name", "label"),
    [("me", "me"), ("Eve.B@x", "eve-b-x"), ("e" * 99, "e" * 63)],
)
def test_an_owner_is_a_label(monkeypatch, name, label):
    monkeypatch.setenv("LOGNAME", name)
    assert owner() == label
