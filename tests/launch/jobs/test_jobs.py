"""`strata jobs`, over workdirs and over stand-ins for the platforms' tools."""

import contextlib
import json
import os
import time
from typing import Any

import pytest
import yaml

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TRAINER
from tests.launch.kubernetes.example import command as on_kubernetes
from tests.launch.kubernetes.example import container_of
from tests.verbs import strata
from trainer.launch.gcp import platform as gcp
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.fleet import Machine
from trainer.launch.jobs import __main__ as command
from trainer.launch.jobs import workdirs
from trainer.launch.jobs.job import Job
from trainer.launch.jobs.run import look
from trainer.process.exits import UserError
from trainer.storage.json_files import sealed
from trainer.workdir.lease import Lease
from trainer.workdir.lock_file import LockFile


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """A folder without jobs, and none of the platforms' tools."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    real = command.PLATFORMS
    monkeypatch.setattr(command, "PLATFORMS", {})
    return real


def tool(tmp_path, monkeypatch, nowhere, name, launcher, script):
    """Puts a program on the PATH, and its launcher among the platforms."""
    file = tmp_path / "bin" / name
    file.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{script}\n')
    file.chmod(0o755)
    monkeypatch.setitem(command.PLATFORMS, launcher, nowhere[launcher])


def make_run(path, *, code=None, began=None, steps=(50, 100)):
    path.mkdir(parents=True)
    began = time.time() - 7200 if began is None else began
    attempt = {
        "attempt": 2,
        "run_began_unix_secs": began,
        "began_unix_secs": began,
        "ended_unix_secs": None,
        "exit_code": code,
        "step": None,
        "earlier": [],
    }
    (path / "attempt.json").write_text(json.dumps(sealed(attempt)))
    lines = [json.dumps({"step": s, "split": "train"}) for s in steps]
    (path / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    (path / "logs").mkdir()
    words = "diverging at step 90: the training loss is 9"
    log = f"step 50\nWARNING: stalled at step 3\nWARNING: {words}\nstep 100\n"
    (path / "logs/worker_0.log").write_text(log)


@contextlib.contextmanager
def held(path):
    with Lease(LockFile(path)).held():
        yield


def test_a_workdir_tells_what_runs_in_it(tmp_path, capsys):
    make_run(tmp_path / "runs/one")
    make_run(tmp_path / "runs/two", code=0)
    with held(tmp_path / "runs/one"):
        assert command.main([]) == 0
        heads, line = capsys.readouterr().out.splitlines()
        assert heads.split() == [
            "JOB",
            "STATE",
            "WHERE",
            "SINCE",
            "STEP",
            "AN",
            "HOUR",
        ]
        assert line.startswith("train/runs/one  running  host ")
        assert line.endswith("2.0 h   100")
        assert command.main(["status", "train/runs/one"]) == 0
        told = capsys.readouterr().out
        assert "last alert  diverging at step 90: the training loss" in told
        assert command.main(["logs", "runs/one"]) == 0
        assert capsys.readouterr().out.endswith("step 100\n")
        assert command.main(["stop", "train/runs/one"]) == 0
        assert (tmp_path / "runs/one/STOP").exists()
        capsys.readouterr()
    assert command.main(["list", "--all"]) == 0
    told = capsys.readouterr().out
    assert "train/runs/one  ended  killed " in told
    assert "train/runs/two  ended  ended with 0" in told
    assert command.main(["stop", "runs/two"]) == 2
    assert "does not run: ended with 0" in capsys.readouterr().err


def test_nothing_runs(capsys):
    assert command.main([]) == 0
    assert "no job runs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["stop"], "strata jobs stop needs a JOB"),
        (["list", "x"], "strata jobs list takes no JOB"),
        (["status", "gcp/x"], "there is no job 'gcp/x'; there are none"),
        (["halt"], "invalid choice: 'halt'"),
        (["--runs=gone"], "--runs=gone is no folder"),
    ],
)
def test_a_mistake_is_one_line(words, told, capsys):
    assert command.main(words) == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize("damage", ["attempt.json", "metrics.jsonl", ".lock"])
def test_a_damaged_workdir_is_listed_all_the_same(damage, tmp_path, capsys):
    make_run(tmp_path / "runs/one")
    (tmp_path / "runs/one" / damage).write_bytes(b"\xff{")
    assert command.main(["list", "--all"]) == 0
    assert "train/runs/one" in capsys.readouterr().out


def test_a_lock_of_another_host_counts_while_it_is_touched(tmp_path):
    make_run(tmp_path / "one")
    lock = tmp_path / "one/.lock"
    lock.write_text(json.dumps({"process": 1, "host": "elsewhere"}))
    assert look(tmp_path / "one").is_held
    os.utime(lock, (1, 1))
    assert not look(tmp_path / "one").is_held


def test_a_run_is_seen_from_within_an_allocation(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    make_run(tmp_path / "one")
    with held(tmp_path / "one"):
        assert look(tmp_path / "one").is_held


def job_of(title, state="running"):
    launcher, _, name = title.partition("/")
    return Job(launcher, name, state, "somewhere")


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("kubernetes/mnist", "kubernetes/mnist"),
        ("gcp/old", "gcp/old"),
        ("old", "kubernetes/old"),  # The one that has not ended.
        ("gone", "gcp/gone"),
        ("train/runs/x", "local/runs/x"),
        ("ssh/runs/x", "local/runs/x"),
        ("local/runs/y", "train/runs/y"),
        ("runs/y", "train/runs/y"),
    ],
)
def test_a_job_is_found_by_its_title_or_a_name_of_its_own(title, found):
    jobs = [
        job_of("kubernetes/mnist"),
        job_of("gcp/mnist"),
        job_of("gcp/old", "ended"),
        job_of("kubernetes/old"),
        job_of("gcp/gone", "ended"),
        job_of("local/runs/x"),
        job_of("train/runs/y", "ended"),
    ]
    assert command._chosen(jobs, title).title == found


@pytest.mark.parametrize("states", [("running", "?"), ("ended", "ended")])
def test_a_name_of_several_jobs_is_refused(states):
    titles = ("kubernetes/mnist", "gcp/mnist")
    jobs = [job_of(*each) for each in zip(titles, states, strict=True)]
    told = "'mnist' may be gcp/mnist or kubernetes/mnist; name one"
    with pytest.raises(UserError, match=told):
        command._chosen(jobs, "mnist")
    with pytest.raises(UserError, match="no job 'gcp/mist'; there are kub"):
        command._chosen(jobs, "gcp/mist")


def test_its_supervisor_is_seen_by_its_words(tmp_path, monkeypatch):
    make_run(tmp_path / "one")
    with held(tmp_path / "one"):
        run = look(tmp_path / "one")
        assert workdirs.launcher_of(run) == "train"
        # This process's parent stands for one.
        parent = tmp_path / "cmdline"
        parent.write_bytes(b"python\0-m\0trainer.launch.local\0--\0")
        monkeypatch.setattr(
            workdirs, "command_of", lambda process: parent.read_bytes()
        )
        assert workdirs.launcher_of(run) == "local"
        parent.write_bytes(b"strata\0launch\0local\0")
        assert workdirs.launcher_of(run) == "local"
        parent.write_bytes(b"python\0-m\0trainer.launch.ssh.host\0--index=1\0")
        assert workdirs.launcher_of(run) == "ssh"
        # With --spare the supervisor's own child is the parent.
        words = [b"python", b"-m", b"trainer.launch.warm_process", b"7"]
        parent.write_bytes(b"\0".join(words))
        assert workdirs.launcher_of(run) == "local"


def test_slurms_jobs_are_those_of_squeue(
    tmp_path, monkeypatch, nowhere, capsys
):
    make_run(tmp_path / "runs/one")
    slurm = {"job": "1200", "step": 0, "failures": 0, "is_running": True}
    (tmp_path / "runs/one/slurm.json").write_text(json.dumps(sealed(slurm)))
    lines = (
        "1200|RUNNING|2026-01-01T00:00:00|n[1-2]|2|mine|yours",
        "1201|PENDING|N/A||2|strata-digits",
        "1202|RUNNING|2026-01-01T00:00:00|n3|1|others",
    )
    said = "\\n".join(lines)
    script = f'printf "{said}\\n"'
    tool(tmp_path, monkeypatch, nowhere, "squeue", "slurm", script)
    tool(tmp_path, monkeypatch, nowhere, "scancel", "slurm", "")
    assert command.main(["list", "--all"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told[1:]] == [
        "slurm/1200",
        "slurm/1201",
    ]
    assert "n[1-2], mine|yours" in told[1]
    assert told[1].endswith("100")
    assert "waiting" in told[2]
    assert command.main(["stop", "slurm/1200"]) == 0
    assert (tmp_path / "runs/one/STOP").exists()
    assert command.main(["stop", "slurm/1201"]) == 0
    assert "--batch --signal=TERM 1201" in (tmp_path / "asked").read_text()


def test_slurms_log_is_the_file_that_slurm_writes(
    tmp_path, monkeypatch, nowhere, capsys
):
    said = 'printf "1201|RUNNING|N/A|n1|1|strata-digits\\n"'
    tool(tmp_path, monkeypatch, nowhere, "squeue", "slurm", said)
    log = tmp_path / "strata-digits-1201.log"
    log.write_text("MLP score: 98.00%\n")
    said = f"printf 'JobId=1201\\n   StdErr=x\\n   StdOut={log}\\n\\n'"
    tool(tmp_path, monkeypatch, nowhere, "scontrol", "slurm", said)
    assert command.main(["logs", "slurm/1201"]) == 0
    assert capsys.readouterr().out == "MLP score: 98.00%\n"
    log.unlink()
    assert command.main(["logs", "slurm/1201"]) == 2
    assert f"into {log}, as scontrol tells" in capsys.readouterr().err


def test_a_platform_that_fails_is_told_and_hides_no_other(
    tmp_path, monkeypatch, nowhere, capsys
):
    make_run(tmp_path / "runs/one")
    script = "echo 'Unable to contact slurm controller' >&2; exit 1"
    tool(tmp_path, monkeypatch, nowhere, "squeue", "slurm", script)
    assert command.main(["list", "--all"]) == 0
    shown = capsys.readouterr()
    assert "jobs of slurm are not shown: squeue: Unable" in shown.err
    assert "train/runs/one" in shown.out


def test_a_job_that_names_its_launcher_has_no_other_asked(
    tmp_path, monkeypatch, nowhere, capsys
):
    make_run(tmp_path / "runs/one", code=0)
    tool(tmp_path, monkeypatch, nowhere, "squeue", "slurm", "exit 1")
    assert command.main(["status", "train/runs/one"]) == 0
    assert not (tmp_path / "asked").exists()
    assert capsys.readouterr().err == ""
    assert command.main(["status", "runs/one"]) == 0
    assert (tmp_path / "asked").exists()


OWN = ["--config=digits", "--workdir", "/shared/one"]


def pod_of(index, args, phase="Running"):
    return {
        "metadata": {
            "name": f"mnist-{index}-x7k2p",
            "labels": {"batch.kubernetes.io/job-completion-index": f"{index}"},
        },
        "status": {"phase": phase},
        "spec": {"containers": [{"args": args}]},
    }


PODS = {"items": [pod_of(1, ["--", *OWN]), pod_of(0, ["--", *OWN])]}
KUBERNETES_JOBS: dict[str, Any] = {
    "items": [
        {
            "metadata": {
                "name": "mnist",
                "namespace": "team",
                "labels": {"app.kubernetes.io/instance": "mnist"},
            },
            "spec": {"completions": 2},
            "status": {"active": 2, "startTime": "2026-01-01T00:00:00Z"},
        },
        {
            "metadata": {"name": "old", "namespace": "team"},
            "spec": {"completions": 1},
            "status": {"conditions": [{"type": "Failed", "status": "True"}]},
        },
    ]
}


@pytest.fixture
def kubectl(tmp_path, monkeypatch, nowhere):
    """A kubectl that answers what two files hold."""
    (tmp_path / "jobs.json").write_text(json.dumps(KUBERNETES_JOBS))
    (tmp_path / "pods.json").write_text(json.dumps(PODS))
    script = f"""case "$1 $3" in
"get jobs") cat {tmp_path}/jobs.json ;;
"get pods") cat {tmp_path}/pods.json ;;
logs*) echo "MLP score: 98.00%" ;;
esac"""
    tool(tmp_path, monkeypatch, nowhere, "kubectl", "kubernetes", script)


@pytest.mark.usefixtures("kubectl")
def test_kubernetes_jobs_are_those_of_our_label(tmp_path, capsys):
    assert command.main(["list", "--all"]) == 0
    told = capsys.readouterr().out
    assert "kubernetes/mnist  running  2 of 2 pod(s)" in told
    assert "kubernetes/old    ended    failed" in told
    assert command.main(["logs", "kubernetes/mnist"]) == 0
    assert capsys.readouterr().out == "MLP score: 98.00%\n"
    assert command.main(["stop", "kubernetes/mnist"]) == 0
    told = capsys.readouterr().out
    assert "kubectl delete job,service,networkpolicy --namespace=team" in told
    asked = (tmp_path / "asked").read_text()
    assert "-- touch /shared/one/STOP" in asked
    own = "app.kubernetes.io/name=strata,app.kubernetes.io/instance=mnist"
    assert asked.count(f" --selector={own} ") == 2
    assert "--namespace=team mnist-0-x7k2p --container=trainer" in asked
    of_set = KUBERNETES_JOBS["items"][0]["metadata"]
    owners = {"ownerReferences": [{"kind": "JobSet", "name": "mnist"}]}
    owned = {**KUBERNETES_JOBS["items"][0], "metadata": of_set | owners}
    (tmp_path / "jobs.json").write_text(json.dumps({"items": [owned]}))
    assert command.main(["stop", "kubernetes/mnist"]) == 0
    told = capsys.readouterr().out
    assert "kubectl delete jobset,networkpolicy --namespace=team" in told


SHARED = ("--config=digits", "--workdir=/shared/a$b")
ON_KUBERNETES = {
    "job": ("launch", "kubernetes", *on_kubernetes(trainer=SHARED)),
    "sweep": (
        *("sweep", *SHARED, "--seeds=2", "--parallel=2"),
        "--launcher=kubernetes",
        "--launcher_flags=--image=strata:1 --volume=claim:/shared",
    ),
}


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize(("kind", "ended"), [("job", 1), ("sweep", 0)])
def test_what_kubernetes_was_handed_is_stopped(kind, ended, tmp_path, capsys):
    """By the chief; of a sweep by any pod, as the first may have ended."""
    code, out, err = strata(*ON_KUBERNETES[kind])
    assert code == 0, err
    *_, job = yaml.safe_load_all(out)
    args = container_of(job)["args"]
    phases = {ended: "Succeeded", 1 - ended: "Running"}
    pods = [pod_of(n, args, phase) for n, phase in sorted(phases.items())]
    (tmp_path / "pods.json").write_text(json.dumps({"items": pods}))
    assert command.main(["stop", "kubernetes/mnist"]) == 0
    asked = (tmp_path / "asked").read_text().splitlines()[-1]
    assert f"mnist-{1 - ended}-x7k2p" in asked
    assert asked.endswith("-- touch /shared/a$b/STOP")


@pytest.mark.usefixtures("kubectl")
def test_a_job_without_its_chief_is_not_stopped(tmp_path, capsys):
    """Its next start would remove the file."""
    pods = [pod_of(1, ["--", *OWN]), pod_of(0, ["--", *OWN], "Pending")]
    # One that somebody made by hand, with the job's labels.
    pods.append(pod_of(2, []))
    del pods[-1]["spec"]["containers"][0]["args"]
    (tmp_path / "pods.json").write_text(json.dumps({"items": pods}))
    assert command.main(["stop", "kubernetes/mnist"]) == 2
    assert "no pod of kubernetes/mnist runs that" in capsys.readouterr().err


@pytest.mark.usefixtures("kubectl")
def test_how_a_job_in_a_bucket_is_stopped_is_told(tmp_path, capsys):
    pods = [pod_of(0, ["--", "--config=digits", "--workdir=gs://b/a job"])]
    (tmp_path / "pods.json").write_text(json.dumps({"items": pods}))
    assert command.main(["stop", "kubernetes/mnist"]) == 2
    told = capsys.readouterr().err
    assert "gcloud storage cp /dev/null 'gs://b/a job/STOP'" in told


def note(tmp_path, name):
    """Notes a job on Google Cloud."""
    from trainer.launch.gcp import flags

    words = [*GPU[1:], f"--name={name}", "--num_vms=2", "--spot"]
    request = flags.request_of(
        "gpu", *flags.read_flags("gpu", [*words, "--", *TRAINER])
    )
    folder = tmp_path / ".strata/gcp" / name
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(request.to_json())


def test_jobs_on_google_cloud_are_those_that_are_noted(
    tmp_path, monkeypatch, nowhere, capsys
):
    note(tmp_path, "mnist")
    tool(tmp_path, monkeypatch, nowhere, "gcloud", "gcp", "exit 9")
    machines = [
        Machine("gpu", f"mnist-{i}", "us-central1-a", "mnist", "RUNNING", "g2")
        for i in range(2)
    ]
    monkeypatch.setattr(gcp.fleet, "find", lambda *_: machines)
    began = json.dumps({"began_unix_secs": time.time() - 1800})
    monkeypatch.setattr(Client, "read", lambda *_: began)
    assert command.main(["cost"]) == 0
    told = capsys.readouterr().out
    assert "gcp/mnist  2 x g2-standard-8 spot  30 min" in told
    assert "no price is given of: g2-standard-8 spot" in told
    prices = tmp_path / ".strata/prices.json"
    prices.write_text('{"g2-standard-8 spot": 0.5}')
    assert command.main(["cost"]) == 0
    told = capsys.readouterr().out
    assert told.splitlines()[1].split()[-2:] == ["1.00", "0.50"]
    assert "1.00 an hour in all" in told
    assert command.main([]) == 0
    assert "2 x g2 in us-central1-a" in capsys.readouterr().out
    prices.write_text('{"g2-standard-8": "dear"}')
    assert command.main(["cost"]) == 2
    assert "must hold prices of an hour" in capsys.readouterr().err
    machines.clear()
    prices.unlink()
    assert command.main([]) == 0
    assert "no job runs" in capsys.readouterr().out


def test_a_job_that_cannot_be_asked_about_hides_no_other(
    tmp_path, monkeypatch, nowhere, capsys
):
    for name in ("gone", "mnist", "old"):
        note(tmp_path, name)
    tool(tmp_path, monkeypatch, nowhere, "gcloud", "gcp", "exit 9")

    def find(client, project, kinds, name, regions):
        if name == "gone":
            raise GcloudError("its project was removed")
        is_there = name == "mnist"
        machine = Machine("gpu", f"{name}-0", "z", name, "RUNNING", "g2")
        return [machine] * is_there

    def read(*_):
        raise GcloudError("403")

    monkeypatch.setattr(gcp.fleet, "find", find)
    monkeypatch.setattr(Client, "read", read)
    assert command.main([]) == 0
    shown = capsys.readouterr()
    told = "gcp/gone cannot be asked about: its project was removed"
    assert shown.err == f"strata: {told}\n"
    lines = [line.split() for line in shown.out.splitlines()[1:]]
    assert [line[:3] for line in lines] == [
        ["gcp/gone", "?", "?"],
        ["gcp/mnist", "running", "1"],
    ]
    assert command.main(["cost"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[-2:] == ["?", "?"]
    assert command.main(["logs", "gcp/mnist"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "strata: 403"
