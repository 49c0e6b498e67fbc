"""What would be run on Google Cloud, as people read it first."""

import io
import json
import pathlib
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import show
from tests.launch.gcp.example import TPU
from tests.launch.gcp.example import TRAINER
from tests.launch.gcp.example import VERTEX
from tests.launch.gcp.test_flags import replaced
from tests.launch.words import WORDS
from tests.processes import ROOT
from trainer.launch.gcp import flags
from trainer.launch.gcp import plan
from trainer.launch.gcp.request import from_json

GOLDEN = pathlib.Path(ROOT) / "tests/launch/gcp/golden"
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
    "gcp_vertex": (*VERTEX, "--replicas=3", "--spot"),
    "gcp_vertex_package": (
        *VERTEX[:3],
        "--machine_type=n1-standard-8",
        "--accelerator=type=NVIDIA_TESLA_T4,count=2",
        "--executor_image=us-docker.pkg.dev/vertex-ai/training/any.9-9.py312",
        "--bucket=gs://mine",
        "--project=our-project",
    ),
}


@pytest.fixture
def fixed(monkeypatch):
    monkeypatch.setattr(flags, "head", lambda: "0" * 40)
    monkeypatch.setattr(plan, "ROOT", "/home/me/strata")


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


@pytest.mark.parametrize(
    ("words", "own"),
    [
        ((*GPU, "--spot", "--detach"), "--bucket=gs://mine"),
        ((*GPU, "--num_vms=2"), "--network=default"),
        (VERTEX, "--bucket=gs://mine --region=us-central1"),
    ],
)
def test_commands_that_are_told_name_the_project(words, own, capsys):
    """Run from elsewhere, gcloud's own may be another one."""
    _, shown = show(capsys, [*words, "--project=our-project"])
    told = shown.err.split("strata launch gcp ")[1:]
    assert all(" --project=our-project" in each for each in told)
    assert any(f" {own}" in each for each in told)


def test_the_script_is_one_that_bash_reads(capsys):
    for words in CASES.values():
        _, shown = show(capsys, words)
        assert subprocess.run(["bash", "-n"], input=shown.out.encode())
        startup = shown.out.split("STRATA_STARTUP'\n")[1]
        startup = startup.split("\nSTRATA_STARTUP\n")[0]
        if words[0] == "vertex":
            assert json.loads(startup)["workerPoolSpecs"]
            continue
        done = subprocess.run(["bash", "-n"], input=startup.encode())
        assert done.returncode == 0


def test_apts_lock_is_waited_for(tmp_path, capsys):
    """The system itself holds it for minutes at a machine's first boot."""
    _, shown = show(capsys, GPU)
    start = shown.out.index("patiently() {")
    function = shown.out[start : shown.out.index("\n}\n", start) + 3]
    script = f"""
set -euo pipefail
trap 'echo gave up' ERR
sleep() {{ echo "slept $1"; }}
apt-get() {{ echo "$@" >> asked; test $(wc -l < asked) -ge 3; }}
{function}
patiently apt-get -qq update
"""
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "slept 15\n" * 2)
    assert (tmp_path / "asked").read_text() == "-qq update\n" * 3


# Of gcloud, as patterns of a shell.
LIST = "instances\\ list*strata-"
OUTCOME = "storage\\ cat*outcome.json"


@pytest.fixture
def shell(tmp_path):
    """Runs a script with a gcloud and a git that note their words.

    Of gcloud's answers to some words, others may take the place. Of what an
    earlier start left nothing stays, and the job ends with 0.
    """
    usual = {OUTCOME: """echo '{"code": 0}'"""}
    note = 'printf "%s\\0" "$@" END >> "$NOTES"\n'

    def run(text, code=0, answers=()):
        told = {**usual, **dict(answers)}
        cases = "".join(f"  *{k}*) {v} ;;\n" for k, v in told.items())
        for name in ("gcloud", "git"):
            (tmp_path / name).write_text(
                f'#!/bin/sh\n{note}case "$*" in\n{cases}esac\n'
            )
            (tmp_path / name).chmod(0o755)
        notes = tmp_path / "notes"
        notes.write_bytes(b"")
        done = subprocess.run(
            ["bash"],
            input=text.encode(),
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "NOTES": str(notes)},
            capture_output=True,
        )
        assert done.returncode == code, done.stderr
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
        *(f"--tpu={word}" for word in words),
    ]
    code, shown = show(capsys, GPU, arguments)
    assert code == 0
    calls = shell(shown.out)
    assert calls[-1][:2] == ["storage", "rsync"]
    startup = (tmp_path / ".strata/gcp/mnist/startup.sh").read_text()
    part = startup[startup.index("cat > ") : startup.index("\n# A machine")]
    shell(part.replace("/etc/strata/job.json", str(tmp_path / "job.json")))
    told = json.loads((tmp_path / "job.json").read_text())
    assert told["arguments"][: len(arguments)] == arguments
    request = (tmp_path / ".strata/gcp/mnist/request.json").read_text()
    assert from_json(request).arguments == tuple(arguments)


def test_the_script_removes_what_has_the_jobs_label_alone(shell, capsys):
    """Where it fails, too: another's may have the machines' names."""
    _, shown = show(capsys, GPU)
    for answers, ours in (
        ({f"{LIST}folder": "echo mnist-0"}, ["mnist-0"]),
        ({"create": "exit 1", f"{LIST}folder": "echo mnist-0"}, ["mnist-0"]),
        ({"create": "exit 1"}, None),
    ):
        calls = shell(shown.out, 1 if "create" in answers else 0, answers)
        deleted = [c for c in calls if c[2] == "delete"]
        assert [c[-1:] for c in deleted] == ([ours] if ours else [])
        assert all("--zone=us-central1-a" in c for c in deleted)


@pytest.mark.parametrize("fetched", ["exit 0", "exit 1"])
def test_the_script_leaves_with_the_jobs_code(fetched, shell, capsys):
    """Where the results cannot be fetched, too."""
    _, shown = show(capsys, GPU)
    outcome = json.dumps({"code": 43, "machine": 0})
    shell(
        shown.out,
        43,
        {OUTCOME: f"echo '{outcome}'", "storage\\ rsync": fetched},
    )


def test_the_script_makes_nothing_beside_an_earlier_outcome(shell, capsys):
    """Of what is to be forgotten some is missing, as a rule."""
    _, shown = show(capsys, GPU)
    calls = shell(shown.out, 1, {"storage\\ rm": "exit 1"})
    assert calls[-1][:2] == ["storage", "cat"]


@pytest.mark.parametrize("words", [GPU, TPU, VERTEX])
def test_the_script_leaves_a_job_of_its_name_alone(words, shell, capsys):
    _, shown = show(capsys, words)
    calls = shell(shown.out, 2, {"list*strata-job": "echo mnist-0"})
    # After gcloud's own project was asked for.
    assert ["list" in call for call in calls] == [False, True]


def test_the_script_fetches_nothing_over_another_run(shell, tmp_path, capsys):
    _, shown = show(capsys, GPU)
    shell(shown.out)
    shell(shown.out)  # into the same folder
    _, shown = show(capsys, replaced(GPU, bucket="gs://theirs"))
    assert shell(shown.out, 2) == []
    shutil.rmtree(tmp_path / ".strata")
    _, shown = show(capsys, GPU)
    assert shell(shown.out, 2) == []


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
