"""Jobs on Google Cloud by the real gcloud, which talks to a stand-in.

It proves what is sent and what follows each answer, not that Google accepts
it: nothing here was ever run on Google's machines.
"""

import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests import processes
from tests.launch.gcp import cloud as clouds
from tests.launch.gcp import example
from tests.launch.gcp.launched import at_look
from tests.launch.gcp.launched import CONTROL
from tests.launch.gcp.launched import finish
from tests.launch.gcp.launched import golden
from tests.launch.gcp.launched import SPEED
from tests.launch.gcp.test_flags import replaced
from tests.processes import ROOT
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp import launcher

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("gcloud"), reason="Google's Cloud CLI is not here"
    ),
]
TRAINER = ("--", "--config=digits")
GPU = (
    "gpu",
    "--name=job",
    "--zone=us-central1-a",
    "--machine_type=g2-standard-8",
    "--bucket=gs://mine",
    "--yes",
)
TPU = (
    "tpu",
    "--name=job",
    "--zone=us-west4-a",
    "--accelerator_type=v5litepod-8",
    "--bucket=gs://mine",
    "--yes",
)
VERTEX = (*replaced(example.VERTEX, name="job"), "--yes")


def test_a_job_from_its_machine_to_its_score(cloud, capsys):
    """Where one zone has none left, the next one is asked."""
    cloud.errors = [clouds.STOCKOUT]
    at_look(cloud, lambda: finish(cloud))
    code = command.main([*GPU, "--zones=us-east1-c", *TRAINER])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert shown.out == "MLP score: 98.00%\n"
    assert "none in us-central1-a: " in shown.err
    assert "does not have enough resources" in shown.err
    assert "no machine is left" in shown.err
    assert cloud.names() == []
    result = json.loads(pathlib.Path("runs/job/result.json").read_text())
    assert result == {"status": "done"}
    assert cloud.get(f"{CONTROL}/code.tar.gz")[:2] == b"\x1f\x8b"
    stored = json.loads(cloud.get(f"{CONTROL}/request.json"))
    assert stored["arguments"] == ["--config=digits"]
    golden(cloud, "gcp_gpu_sent")


def test_machines_that_are_taken_away_are_made_again(cloud, capsys):
    at_look(
        cloud,
        lambda: cloud.take_away("job-1"),
        lambda: cloud.take_away("job-0"),
        lambda: finish(cloud),
    )
    code = command.main([*GPU, "--num_vms=3", "--spot", *TRAINER])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert cloud.names() == []
    first, second, third = cloud.made()
    assert sorted(first["perInstanceProperties"]) == ["job-0", "job-1", "job-2"]
    assert second["name"] == "job-1"
    # The run is in the bucket: the others' machines stay.
    assert third["name"] == "job-0"
    asked = int(second["scheduling"]["maxRunDuration"]["seconds"])
    assert 86400 - 600 < asked < 86400
    assert second["labels"] == {
        "strata-job": "job",
        "strata-owner": "me",
        "strata-folder": "34dd9658b5a8aaf9",
    }
    assert second["scheduling"]["instanceTerminationAction"] == "DELETE"
    assert second["scheduling"]["provisioningModel"] == "SPOT"


@pytest.mark.parametrize(
    ("kind", "method", "number"),
    [
        (GPU, "GET", 1),  # what is left, before others are made
        (GPU, "POST", 0),
        (GPU, "GET", 2),  # what was made
        (VERTEX, "GET", 2),  # why it is gone
        (VERTEX, "GET", 3),
    ],
)
def test_a_call_that_fails_after_a_loss_is_tried_again(
    kind, method, number, cloud, capsys
):
    answer, seen, is_lost = cloud.answer, [], []

    def refuse(call):
        is_it = call.path.endswith(("/instances", "/customJobs"))
        if not (is_lost and is_it and call.method == method):
            return answer(call)
        seen.append(call)
        if len(seen) == number + 1:
            return 403, clouds._error(403, "A failure of one call")
        return answer(call)

    def lose():
        is_lost.append(True)
        if kind is GPU:
            cloud.take_away("job-0")
        else:
            cloud.fail_job("The replica exited with 1")

    cloud.answer = refuse
    at_look(cloud, lose, lambda: finish(cloud))
    code = command.main([*kind, *TRAINER])
    shown = capsys.readouterr().err
    assert code == 0, shown
    assert "A failure of one call" in shown
    assert "trying again" in shown
    assert shown.count("machines were taken away") == 1
    assert cloud.names() == []


def test_a_bulk_request_that_fails_with_code_0_is_seen(cloud, capsys):
    unavailable = "The service is currently unavailable."
    cloud.errors = [clouds.QUOTA, {"status": 503, "message": unavailable}]
    at_look(cloud, lambda: finish(cloud, code=3))
    code = command.main([*GPU, "--num_vms=3", *TRAINER])
    shown = capsys.readouterr()
    assert code == 3, shown.err
    assert "Quota 'NVIDIA_L4_GPUS' exceeded" in shown.err
    assert shown.err.count("trying again in") == 2
    assert len(cloud.made()) == 3
    assert cloud.names() == []


def test_another_error_is_told_in_the_providers_words(cloud, capsys):
    words = "Required 'compute.instances.create' permission for 'x'"
    cloud.errors = [{"status": 403, "message": words}]
    assert command.main([*GPU, *TRAINER]) == 1
    shown = capsys.readouterr()
    (line,) = [x for x in shown.err.splitlines() if words in x]
    assert line.startswith("strata: job-0 cannot be made in us-central1-a")
    assert cloud.names() == []


def test_a_quota_of_nothing_is_not_waited_for(cloud, capsys):
    words = "Quota 'NVIDIA_A100_GPUS' exceeded.  Limit: 0.0 in region x."
    cloud.errors = [{"code": "QUOTA_EXCEEDED", "message": words}] * 2
    assert command.main([*GPU, *TRAINER]) == 1
    shown = capsys.readouterr()
    assert "Limit: 0.0" in shown.err
    assert "trying again" not in shown.err
    assert len(cloud.made()) == 1


def test_a_job_stays_in_the_project_that_it_began_in(
    cloud, capsys, monkeypatch
):
    """Whatever gcloud is set to meanwhile, in another terminal."""

    def set_project():
        monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "other-project")

    at_look(
        cloud,
        set_project,
        lambda: cloud.take_away("job-0"),
        lambda: finish(cloud),
    )
    assert command.main([*GPU, *TRAINER]) == 0, capsys.readouterr().err
    assert cloud.names() == []
    asked = "\n".join(call.path for call in cloud.calls)
    assert "/projects/demo-project/zones/us-central1-a/instances" in asked
    assert "other-project" not in asked
    assert command.main(["delete", "--name=job"]) == 0
    assert "other-project" not in "\n".join(c.path for c in cloud.calls)


def test_machines_are_not_made_for_ever(cloud, capsys):
    """As where they may not write to the bucket: each ends without a word."""
    cloud.console = "boot\r\nstrata: set-up failed; its last lines:\r\n403\r\n"
    gone = [lambda: cloud.take_away("job-0")] * 9
    at_look(cloud, *gone)
    assert command.main([*GPU, *TRAINER]) == 1
    shown = capsys.readouterr().err
    assert len(cloud.made()) == 3
    assert cloud.names() == []
    assert "job-0: set-up failed; its last lines:\n" in shown
    assert "console: 403\n" in shown
    assert "3 times in a row without a newer checkpoint" in shown


def test_a_newer_checkpoint_is_reason_to_go_on(cloud, capsys):
    def lose(step):
        name = f"checkpoints/step_{step:08}/manifest.json"
        cloud.put(f"gs://mine/job/{name}", b"{}")
        cloud.take_away("job-0")

    deeds = [functools.partial(lose, step) for step in (10, 10, 20, 20, 20)]
    at_look(cloud, *deeds, lambda: finish(cloud))
    assert command.main([*GPU, *TRAINER]) == 0, capsys.readouterr().err
    assert len(cloud.made()) == 6


def test_the_longest_time_is_kept_by_the_launcher_too(
    cloud, capsys, monkeypatch
):
    """A TPU whose machine is dead deletes nothing."""
    monkeypatch.setattr(launcher, "LATE_SECS", -86400.0)
    assert command.main([*TPU, *TRAINER]) == 1
    shown = capsys.readouterr().err
    assert "its time is up" in shown
    assert cloud.names() == []


@pytest.mark.parametrize("kind", [GPU, TPU])
def test_an_organisations_network_and_account_are_sent(kind, cloud, capsys):
    account = "strata@demo-project.iam.gserviceaccount.com"
    at_look(cloud, lambda: finish(cloud))
    words = [
        *kind,
        "--network=vpc",
        "--subnet=sub",
        "--network_tag=strata",
        f"--service_account={account}",
        "--no_external_ip",
    ]
    assert command.main([*words, *TRAINER]) == 0, capsys.readouterr().err
    (sent,) = cloud.made()
    text = json.dumps(sent)
    assert account in text
    assert '"strata"' in text
    assert "sub" in text
    if kind is GPU:
        (card,) = sent["networkInterfaces"]
        assert card["subnetwork"].endswith("/subnetworks/sub")
        assert "accessConfigs" not in card
        assert sent["tags"] == {"items": ["strata"]}
        assert "cloud-platform" not in text
    else:
        (node,) = sent["tpu"]["nodeSpec"]
        assert not node["node"]["networkConfig"].get("enableExternalIps")


def test_a_signal_stops_with_a_checkpoint(cloud, capsys):
    def ended():
        assert cloud.get("gs://mine/job/STOP") == b"stop\n"
        finish(cloud, 43)

    at_look(
        cloud,
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: None,
        ended,
    )
    assert command.main([*GPU, *TRAINER]) == 43
    assert cloud.names() == []
    assert "stopping with a checkpoint" in capsys.readouterr().err


def test_a_stop_that_cannot_be_told_is_told_again(cloud, capsys):
    answer, refused = cloud.answer, []

    def refuse(call):
        is_upload = call.method == "POST" and "STOP" in str(call)
        if is_upload and not refused:
            refused.append(call)
            return 403, clouds._error(403, "Not now")
        return answer(call)

    def ended():
        assert cloud.get("gs://mine/job/STOP") == b"stop\n"
        finish(cloud, 43)

    cloud.answer = refuse
    at_look(
        cloud,
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: None,
        lambda: None,
        ended,
    )
    assert command.main([*GPU, *TRAINER]) == 43
    assert refused
    assert "Not now" in capsys.readouterr().err


def test_a_second_signal_deletes_at_once(cloud):
    def ask():
        os.kill(os.getpid(), signal.SIGINT)

    at_look(cloud, ask, ask)
    assert command.main([*GPU, *TRAINER]) == 130
    assert cloud.names() == []


def test_a_deletion_that_fails_is_tried_again_and_told(cloud, capsys):
    at_look(cloud, lambda: finish(cloud))
    answer, refused = cloud.answer, []

    def refuse(call):
        if call.method == "DELETE" and len(refused) < most:
            refused.append(call)
            return 403, clouds._error(403, "Deletion is not allowed")
        return answer(call)

    cloud.answer = refuse
    most = 1
    assert command.main([*GPU, *TRAINER]) == 0
    assert cloud.names() == []
    assert len(refused) == 1
    most, refused = 99, []
    capsys.readouterr()
    cloud.objects.clear()
    at_look(cloud, lambda: finish(cloud))
    assert command.main([*GPU, *TRAINER]) == 1
    told = capsys.readouterr().err
    assert "LEFT BEHIND" in told
    assert "gcloud compute instances delete job-0 --zone=us-central1-a" in told
    assert "Deletion is not allowed" in told
    cloud.answer = answer
    # Nobody is asked, so nothing is deleted.
    assert command.main(["delete", "--name=job"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert cloud.names() == ["job-0"]
    assert command.main(["delete", "--name=job", "--yes"]) == 0
    assert cloud.names() == []


def test_a_tpu_that_is_taken_away_is_asked_for_again(cloud, capsys):
    cloud.errors = [{"status": 429, "message": "Quota limit 'TPU' exceeded."}]

    def suspend():
        for body in cloud.tpus.values():
            body["state"]["state"] = "SUSPENDED"

    at_look(cloud, suspend, lambda: finish(cloud))
    code = command.main([*TPU, "--spot", *TRAINER])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert cloud.names() == []
    assert len(cloud.made()) == 3
    golden(cloud, "gcp_tpu_sent")


def test_a_request_that_the_provider_gave_up_ends_the_job(cloud, capsys):
    cloud.tpu_state = "FAILED"
    assert command.main([*TPU, *TRAINER]) == 1
    assert "the provider gave up on the request" in capsys.readouterr().err
    assert cloud.names() == []


def test_a_detached_job_is_taken_up_by_its_name(cloud, capsys):
    assert command.main([*GPU, "--detach", *TRAINER]) == 0
    assert cloud.names() == ["job-0"]
    told = capsys.readouterr()
    assert "strata launch gcp delete --name=job" in told.err
    assert command.main([*GPU, "--detach", "--spot", *TRAINER]) == 2
    assert "a job already, with another spot" in capsys.readouterr().err
    assert command.main(["list"]) == 0
    assert "job  job-0" in capsys.readouterr().out
    assert command.main(["stop", "--name=job"]) == 0
    assert cloud.get("gs://mine/job/STOP") == b"stop\n"
    finish(cloud, 43)
    assert command.main(["status", "--name=job"]) == 0
    assert "ended with code 43" in capsys.readouterr().out
    assert command.main(["logs", "--name=job"]) == 0
    assert capsys.readouterr().out == "MLP score: 98.00%\n"
    assert command.main([*GPU, *TRAINER]) == 43
    assert len(cloud.made()) == 1
    assert cloud.names() == []
    # From its bucket, on new machines.
    shutil.rmtree(".strata")
    shutil.rmtree("runs")
    at_look(cloud, lambda: finish(cloud))
    words = ["resume", "--name=job", "--bucket=gs://mine", "--yes"]
    assert command.main(words) == 0
    assert len(cloud.made()) == 2
    assert cloud.names() == []
    assert command.main(words) == 0
    assert "is finished" in capsys.readouterr().out


def test_a_job_of_another_folder_is_neither_taken_up_nor_removed(cloud, capsys):
    assert command.main([*GPU, "--detach", *TRAINER]) == 0
    theirs = [*replaced(GPU, bucket="gs://theirs"), *TRAINER]
    assert command.main(theirs) == 2
    assert "--name=job is another job's, of me" in capsys.readouterr().err
    shutil.rmtree(".strata")
    stored = cloud.get(f"{CONTROL}/request.json")
    cloud.put(
        "gs://theirs/.strata/job/request.json",
        stored.replace(b"gs://mine", b"gs://theirs"),
    )
    # What an earlier job of theirs left.
    cloud.put("gs://theirs/.strata/job/outcome.json", b'{"code": 43}')
    words = ["resume", "--name=job", "--bucket=gs://theirs", "--yes"]
    assert command.main(words) == 2
    assert "--name=job is another job's, of me" in capsys.readouterr().err
    assert cloud.names() == ["job-0"]


@pytest.mark.parametrize("words", [GPU, VERTEX])
def test_a_job_that_is_deleted_elsewhere_is_not_made_again(
    words, cloud, capsys, tmp_path, monkeypatch
):
    def delete():
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        delete = ["delete", "--name=job", "--bucket=gs://mine", "--yes"]
        subprocess.run(
            [sys.executable, "-m", "trainer.launch.gcp", *delete],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": ROOT},
            check=True,
        )

    at_look(cloud, delete)
    assert command.main([*words, *TRAINER]) == 130
    assert "job was deleted by me" in capsys.readouterr().err
    assert len(cloud.made()) == 1
    assert cloud.names() == []


@pytest.mark.parametrize("words", [GPU, TPU, VERTEX])
def test_the_printed_script_removes_what_it_made(words, cloud, capsys):
    other = [*replaced(words, name="other"), "--detach", *TRAINER]
    assert command.main(other) == 0
    before = cloud.names()
    capsys.readouterr()
    assert command.main([*words, "--dry_run", *TRAINER]) == 0

    def hook(call):
        if len(cloud.made()) == 2 and "outcome.json" in call.path:
            assert len(cloud.names()) == 2
            finish(cloud, 3)

    cloud.hook = hook
    script = capsys.readouterr().out
    done = subprocess.run(
        ["bash"], input=script, capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert cloud.names() == before
    assert pathlib.Path("runs/job/result.json").is_file()


DRIVER = f"""
import sys
from trainer.launch.gcp import __main__ as command, flags, launcher
for name, secs in {SPEED!r}.items():
    setattr(launcher, name, secs)
flags.head = lambda: "HEAD"
sys.exit(command.main(sys.argv[1:]))
"""


# What the launcher is about to ask, or has just asked, when it dies.
POINTS = {
    "before the code is there": ("POST", "/upload/", False),
    "before the machines are made": ("POST", "/bulkInsert", False),
    "while the machines are made": ("POST", "/wait", False),
    "while the job runs": ("GET", "log-0.txt", True),
    "before the machines are deleted": ("DELETE", "/instances/", False),
    "while the machines are deleted": ("DELETE", "/instances/", True),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_launcher_leaves_nothing_that_delete_does_not(
    point, cloud, capsys
):
    method, place, after = POINTS[point]
    reached = []

    def hook(call):
        is_look = call.method == "GET" and "log-0.txt" in call.path
        if is_look and place != "log-0.txt":
            finish(cloud)
        if not reached and call.method == method and place in call.path:
            reached.append(call)
            if not after:
                processes.kill_all(process)

    cloud.hook = hook
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *GPU, "--num_vms=3", *TRAINER],
        env={**os.environ, "PYTHONPATH": ROOT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not reached and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert reached
    if after:
        processes.kill_all(process)
    process.wait()
    cloud.hook = None
    assert command.main(["delete", "--name=job", "--yes"]) == 0
    assert "no machine of job is left" in capsys.readouterr().out
    assert cloud.names() == []
