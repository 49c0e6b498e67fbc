"""The Google Cloud launcher: what it asks for, and what it refuses."""

import io
import json
import pathlib
import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from launch.gcp import __main__ as command
from launch.gcp import flags
from launch.gcp import gpus
from launch.gcp import plan
from launch.gcp import revision
from launch.gcp.request import from_json
from tests.processes import ROOT
from trainer.devices import tpu_preflight

GOLDEN = pathlib.Path(ROOT) / "tests/launch/golden"
TRAINER = ("--config=mnist", "--data_dir=gs://mine/mnist")
GPU = (
    "gpu",
    "--name=mnist",
    "--zone=us-central1-a",
    "--machine_type=g2-standard-8",
    "--bucket=gs://mine",
)
TPU = (
    "tpu",
    "--name=mnist",
    "--zone=us-west4-a",
    "--accelerator_type=v5litepod-8",
    "--bucket=gs://mine",
)
CASES = {
    "gcp_gpu": GPU,
    "gcp_gpu_spot_bulk": (
        *GPU[:3],
        "--zones=us-central1-b,us-east1-c",
        "--machine_type=a3-highgpu-8g",
        "--bucket=gs://mine/team",
        "--num_vms=2",
        "--spot",
        "--max_hours=2",
        "--project=our-project",
    ),
    "gcp_gpu_added": (
        *GPU[:3],
        "--machine_type=n1-standard-8",
        "--accelerator=type=nvidia-tesla-t4,count=2",
        "--bucket=gs://mine",
    ),
    "gcp_tpu": (*TPU, "--spot"),
}


@pytest.fixture
def fixed(monkeypatch):
    monkeypatch.setattr(flags, "head", lambda: "0" * 40)
    monkeypatch.setattr(plan, "ROOT", "/home/me/strata")


def show(capsys, words, trainer=TRAINER):
    code = command.main([*words, "--dry_run", "--", *trainer])
    return code, capsys.readouterr()


@pytest.mark.parametrize("name", CASES)
def test_what_would_be_run_is_known(name, fixed, capsys):
    """Where a change is meant, write the new text to the file, and read it."""
    code, shown = show(capsys, CASES[name])
    assert code == 0
    assert shown.out == (GOLDEN / f"{name}.sh").read_text()


def test_remarks_go_to_stderr(capsys):
    words = [*GPU, "--spot", "--detach", "--zones=us-central1-x"]
    code, shown = show(capsys, words)
    assert code == 0
    assert "mnist: 1 x g2-standard-8 (1 GPU(s) each), spot" in shown.err
    assert "in us-central1-a or us-central1-x, at most 24 h" in shown.err
    assert "https://cloud.google.com/compute/gpus-pricing" in shown.err
    assert "nothing makes machines again" in shown.err


def test_the_script_is_one_that_bash_reads(capsys):
    for words in CASES.values():
        _, shown = show(capsys, words)
        assert subprocess.run(["bash", "-n"], input=shown.out.encode())
        startup = shown.out.split("STRATA_STARTUP'\n")[1]
        startup = startup.split("\nSTRATA_STARTUP\n")[0]
        done = subprocess.run(["bash", "-n"], input=startup.encode())
        assert done.returncode == 0


# What an argument of a process can hold.
WORDS = st.text(st.characters(blacklist_characters="\0", codec="utf-8"))


@pytest.fixture
def shell(tmp_path):
    """Runs a script with a gcloud and a git that note their words."""
    note = 'printf "%s\\0" "$@" END >> "$NOTES"\n'
    for name in ("gcloud", "git"):
        (tmp_path / name).write_text(f"#!/bin/sh\n{note}")
        (tmp_path / name).chmod(0o755)

    def run(text):
        notes = tmp_path / "notes"
        notes.write_bytes(b"")
        done = subprocess.run(
            ["bash"],
            input=text.encode(),
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "NOTES": str(notes)},
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        calls = notes.read_bytes().decode().split("\0END\0")[:-1]
        return [call.split("\0") for call in calls]

    return run


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words=st.lists(WORDS, max_size=3))
def test_the_trainers_arguments_arrive_intact(words, shell, tmp_path, capsys):
    """Through the script, the machine's own script, and a file of it."""
    arguments = [
        *TRAINER,
        *(f"--config.optimizer.name={word}" for word in words),
    ]
    code, shown = show(capsys, GPU, arguments)
    assert code == 0
    calls = shell(shown.out)
    assert calls[-1][:3] == ["compute", "instances", "delete"]
    startup = (tmp_path / ".strata/gcp/mnist/startup.sh").read_text()
    part = startup[startup.index("cat > ") : startup.index("\n# A machine")]
    shell(part.replace("/etc/strata/job.json", str(tmp_path / "job.json")))
    told = json.loads((tmp_path / "job.json").read_text())
    assert told["arguments"][: len(arguments)] == arguments
    request = (tmp_path / ".strata/gcp/mnist/request.json").read_text()
    assert from_json(request).arguments == tuple(arguments)


def replaced(words, **given):
    """Returns flags with some of them replaced, or added."""
    left = [w for w in words if w.partition("=")[0][2:] not in given]
    return [*left, *(f"--{k}={v}" for k, v in given.items() if v is not None)]


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (GPU, {"name": None}, "--name"),
        (GPU, {"zone": None}, "--zone"),
        (GPU, {"bucket": None}, "--bucket"),
        (GPU, {"machine_type": None}, "--machine_type"),
        (GPU, {"name": ""}, "--name='' must be 50 or fewer"),
        (GPU, {"name": "Mnist"}, "--name='Mnist' must be"),
        (GPU, {"name": "1st"}, "begin with a letter"),
        (GPU, {"name": "a-"}, "not end with -"),
        (GPU, {"name": "a_b"}, "--name='a_b' must be"),
        (GPU, {"name": "a" * 51}, "must be 50 or fewer"),
        (GPU, {"name": "$(x)"}, "--name='$(x)' must be"),
        (GPU, {"zone": "nowhere-z"}, "must be a zone such as us-central1-a"),
        (GPU, {"zone": "us-central1"}, "must be a zone such as us-central1-a"),
        (GPU, {"zone": "us-central1-a,us-east1-b"}, "must be one zone"),
        (GPU, {"zones": "us-central1-b,"}, "--zones='us-central1-b,' has ''"),
        (GPU, {"machine_type": "a2-highgpu-0g"}, "is no known machine for"),
        (GPU, {"machine_type": "e2-medium"}, "is no known machine for GPUs"),
        (GPU, {"machine_type": "n1-standard-8"}, "has no GPU by itself"),
        (GPU, {"accelerator": "nvidia-l4"}, "leave --accelerator out"),
        (
            GPU,
            {"machine_type": "n1-standard-8", "accelerator": "two T4"},
            "--accelerator='two T4' must be TYPE or type=TYPE,count=N",
        ),
        (
            GPU,
            {
                "machine_type": "n1-standard-8",
                "accelerator": "type=nvidia-tesla-t4,count=0",
            },
            "must be TYPE or type=TYPE,count=N",
        ),
        (GPU, {"num_vms": "0"}, "must be a whole number of 1 or more"),
        (GPU, {"num_vms": "65"}, "--num_vms=65 must be 64 or fewer"),
        (GPU, {"num_vms": "two"}, "must be a whole number of 1 or more"),
        (GPU, {"num_vm": "2"}, "did you mean --num_vms?"),
        (GPU, {"disk_gb": "10"}, "--disk_gb=10 must be from 50"),
        (GPU, {"bucket": "mine"}, "--bucket='mine' must be gs://BUCKET"),
        (GPU, {"bucket": "gs://Mine"}, "the bucket in small letters"),
        (GPU, {"bucket": "gs://mine/../x"}, "--bucket="),
        (GPU, {"max_hours": "0"}, "--max_hours=0 must be from 0.1 to 168"),
        (GPU, {"max_hours": "nan"}, "--max_hours=nan must be"),
        (GPU, {"max_hours": "1e9"}, "must be from 0.1 to 168"),
        (GPU, {"max_restarts": "-1"}, "must be a whole number of 0 or more"),
        (GPU, {"project": "P"}, "--project='P' must be"),
        (GPU, {"network": "a b"}, "--network='a b' must be"),
        (GPU, {"accelerator_type": "v2-8"}, "is not a flag of"),
        (TPU, {"accelerator_type": "v5e-7"}, "'v5e-7' is none of v2-8, v3-8"),
        (TPU, {"accelerator_type": "v5litepod-9"}, "did you mean v5litepod-"),
        (TPU, {"accelerator_type": "v5litepod-16"}, "on several hosts"),
        (TPU, {"accelerator_type": "v4-32"}, "image's own TensorFlow"),
        (TPU, {"runtime_version": "nonsense"}, "'nonsense' is none of"),
        (
            TPU,
            {"runtime_version": "v2-alpha-tpuv5-light"},
            "did you mean v2-alpha-tpuv5-lite?",
        ),
        (
            TPU,
            {"runtime_version": "tpu-ubuntu2204-base"},
            "is not for --accelerator_type=v5litepod-8",
        ),
        (
            TPU,
            {"runtime_version": "tpu-vm-tf-2.18.0-pjrt"},
            "brings a TensorFlow of its own",
        ),
        (TPU, {"wait_hours": "0"}, "--wait_hours=0 must be"),
        (TPU, {"machine_type": "a"}, "is not a flag of"),
    ],
)
def test_a_mistake_is_one_line(kind, given, words, capsys):
    code, shown = show(capsys, replaced(kind, **given))
    assert code == 2
    assert not shown.out
    assert words in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        ((), "--config is missing"),
        (("--config=mnist", "--plan=x"), "flag 'plan'"),
        (("--config=mnist", "--workdir=runs/x"), "must be --workdir=gs://..."),
        (("--config=mnist", "--workdir", "runs/x"), "must be --workdir=gs://"),
        (("--config=mnist", "--data_dir=/data"), "must be --data_dir=gs://"),
        (("--config=mnist", "--data_dir=gs://"), "must be gs://BUCKET"),
        (("--config=mnist", "--workdir=gs://mine"), "must be gs://BUCKET/PATH"),
        (("--config=mnist", "--init_from=runs/x"), "must be --init_from=gs://"),
    ],
)
def test_folders_of_this_machine_are_refused(trainer, words, capsys):
    code, shown = show(capsys, GPU, trainer)
    assert code == 2
    assert words in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gpus"], "did you mean gpu?"),
        (["launch"], "is none of gpu, tpu"),
        (["gpu", "stray"], "'stray' is not a flag of"),
    ],
)
def test_an_unknown_word_is_a_mistake(words, told, capsys):
    assert command.main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert told in shown.err or "required" in shown.err


def test_a_workdir_of_ones_own_is_kept(capsys):
    trainer = ("--config=mnist", "--workdir=gs://other/runs/7")
    code, shown = show(capsys, GPU, trainer)
    assert code == 0
    assert '"workdir": "gs://other/runs/7"' in shown.out
    assert '"--workdir=gs://other/runs/7"' in shown.out


def test_a_flags_value_may_be_a_word_of_its_own(capsys):
    joined = (
        "--config=mnist",
        "--data_dir=gs://mine/b",
        "--workdir=gs://mine/7",
    )
    apart = [part for word in joined for part in word.split("=")]
    shown = [show(capsys, GPU, words) for words in (joined, apart)]
    assert shown[0] == shown[1]
    assert shown[0][0] == 0
    assert '"workdir": "gs://mine/7"' in shown[0][1].out


def test_the_tpus_lock_is_what_the_preflight_asks_for():
    lock = (pathlib.Path(ROOT) / "launch/requirements-tpu.txt").read_text()
    held = dict(
        line.split(" ")[0].split("==")
        for line in lock.splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    )
    assert held.items() >= tpu_preflight.PINNED.items()
    assert not {"tensorflow", "jax"} & set(held)
    assert lock.count("--hash=") >= len(held)


@pytest.mark.parametrize(
    ("machine_type", "count", "needs_gvnic"),
    [
        ("a2-highgpu-2g", 2, False),
        ("a2-megagpu-16g", 16, False),
        ("a3-highgpu-8g", 8, True),
        ("g2-standard-4", 1, False),
        ("g2-standard-24", 2, False),
        ("g2-standard-32", 1, False),
        ("g2-standard-96", 8, False),
    ],
)
def test_a_machines_name_tells_its_gpus(machine_type, count, needs_gvnic):
    found = gpus.gpus_of(machine_type, None)
    assert found == gpus.Gpus(count, None, needs_gvnic)


def test_gpus_are_added_to_a_machine_that_has_none():
    added = gpus.gpus_of("n1-standard-8", "nvidia-tesla-v100")
    assert added == gpus.Gpus(1, "type=nvidia-tesla-v100,count=1")


def test_the_commit_is_read_without_git(tmp_path):
    def git(*words):
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "-q")
    with pytest.raises(Exception, match="has no commit"):
        revision.head(tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "x")
    commit = git("rev-parse", "HEAD")
    assert revision.head(tmp_path) == commit
    git("pack-refs", "--all")
    assert revision.head(tmp_path) == commit
    git("worktree", "add", "-q", "tree")
    assert revision.head(tmp_path / "tree") == commit
    git("checkout", "-q", "--detach")
    assert revision.head(tmp_path) == commit


WATCHED = """
import sys
def watch(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.fork",
                 "os.posix_spawn", "socket.connect", "socket.bind"):
        sys.exit(f"made {event}")
sys.addaudithook(watch)
from launch.gcp import __main__ as command
sys.exit(command.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("words", [GPU, TPU])
def test_a_dry_run_makes_no_process_and_no_connection(words):
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words, "--dry_run", "--", *TRAINER],
        capture_output=True,
        text=True,
        env={"PATH": "", "PYTHONPATH": ROOT},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#!/usr/bin/env bash\n")
    assert shlex.split(done.stdout.splitlines()[-1])[:3] == [
        "gcloud",
        "storage",
        "rsync",
    ]


@pytest.mark.parametrize("words", [GPU, TPU])
def test_without_yes_and_a_terminal_nothing_is_made(words, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert command.main([*words, "--", *TRAINER]) == 2
    told = capsys.readouterr().err.splitlines()
    assert "mnist: 1 x " in "\n".join(told)
    assert "at most 24 h" in "\n".join(told)
    assert "nobody is at the terminal to ask; add --yes" in told[-1]


@pytest.mark.parametrize(
    ("answer", "agrees"), [("y\n", True), ("yes\n", True), ("\n", False)]
)
def test_what_would_be_made_is_shown_before_it_is_asked(
    answer, agrees, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    request = flags.request_of(
        "gpu", *flags.read_flags("gpu", [*GPU[1:], "--", *TRAINER])
    )
    assert plan.agreed(request) == agrees
    told = capsys.readouterr().err
    assert told.index("1 x g2-standard-8") < told.index("make them?")


def test_without_gcloud_nothing_can_be_made(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert command.main([*GPU, "--yes", "--", *TRAINER]) == 2
    assert "gcloud is not on this machine" in capsys.readouterr().err


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


def test_a_verbs_commands_can_be_seen_alone(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    request = flags.request_of(
        "gpu", *flags.read_flags("gpu", [*GPU[1:], "--", *TRAINER])
    )
    folder = tmp_path / plan.local_folder("mnist")
    folder.mkdir(parents=True)
    (folder / "request.json").write_text(request.to_json())
    for verb in ("status", "logs", "tensorboard", "stop", "delete", "resume"):
        assert command.main([verb, "--name=mnist", "--dry_run"]) == 0
        assert "gcloud " in capsys.readouterr().out
