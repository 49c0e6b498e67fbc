"""`strata launch gcp vertex`: what is refused, sent and followed."""

import io
import json
import shutil
import subprocess
import tarfile

import pytest

from tests.launch.gcp.example import IMAGE
from tests.launch.gcp.example import show
from tests.launch.gcp.example import TRAINER
from tests.launch.gcp.example import VERTEX
from tests.launch.gcp.launched import at_look
from tests.launch.gcp.launched import CONTROL
from tests.launch.gcp.launched import finish
from tests.launch.gcp.launched import golden
from tests.launch.gcp.test_flags import replaced
from trainer.launch.gcp import __main__ as command
from trainer.launch.gcp import flags
from trainer.launch.gcp import plan

JOB = (*replaced(VERTEX, name="job"), "--yes")
GOOGLES = "us-docker.pkg.dev/vertex-ai/training"
needs_gcloud = pytest.mark.skipif(
    not shutil.which("gcloud"), reason="Google's Cloud CLI is not here"
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"region": "us-central1-a"}, "must be a region such as us-central1"),
        ({"zone": "us-central1-a"}, "is not a flag of"),
        ({"image": None}, "--image=IMAGE that holds Strata"),
        ({"executor_image": "a"}, "and not both"),
        ({"image": "A B"}, "must be HOST/NAME[:TAG]"),
        ({"image": f"{GOOGLES}/tf-gpu.2-17.py310:latest"}, "--executor_image"),
        (
            {"image": None, "executor_image": f"{GOOGLES}/tf-gpu.2-17.py310"},
            "has a Python before 3.11",
        ),
        (
            {"image": None, "executor_image": f"{GOOGLES}/tf-cpu.2-9:latest"},
            "has a Python before 3.11",
        ),
        ({"accelerator": "type=NVIDIA_L4"}, "leave --accelerator out"),
        (
            {"machine_type": "n1-standard-8", "accelerator": "NVIDIA_TESLA_T5"},
            "did you mean NVIDIA_TESLA_T4?",
        ),
        (
            {"machine_type": "n1-standard-8", "accelerator": "two"},
            "must be TYPE or type=TYPE,count=N",
        ),
        ({"replicas": "65"}, "--replicas=65 must be 64 or fewer"),
        ({"disk_gb": "50"}, "--disk_gb=50 must be from 100"),
        ({"network": "vpc"}, "must be projects/NUMBER/global/networks/NAME"),
        (
            {"tensorboard": "projects/1/locations/r/tensorboards/2"},
            "--tensorboard needs --service_account",
        ),
    ],
)
def test_a_mistake_is_one_line(given, words, capsys):
    code, shown = show(capsys, replaced(VERTEX, **given))
    assert code == 2
    assert not shown.out
    assert words in shown.err
    assert shown.err.count("\n") == 1


def test_an_image_of_a_later_python_is_taken(capsys):
    later = f"{GOOGLES}/tf-gpu.2-21.py312:latest"
    words = replaced(VERTEX, image=None, executor_image=later)
    code, shown = show(capsys, words)
    assert code == 0
    assert "newest versions within setup.py's bounds" in shown.err


def test_gpus_that_tensorflow_has_no_kernels_for_are_warned_of(capsys):
    code, shown = show(capsys, replaced(VERTEX, machine_type="a4-highgpu-8g"))
    assert code == 0
    assert "WARNING: --machine_type=a4-highgpu-8g: TensorFlow" in shown.err


def request_of(*more):
    words = [*VERTEX[1:], *more, "--", *TRAINER]
    return flags.request_of("vertex", *flags.read_flags("vertex", words))


def test_the_package_is_one_that_pip_installs(tmp_path):
    """As Vertex AI does it: from the archive, and the module by its name."""
    executor = f"{GOOGLES}/tf-gpu.2-21.py312"
    words = replaced(VERTEX, image=None, executor_image=executor)
    request = flags.request_of(
        "vertex", *flags.read_flags("vertex", [*words[1:], "--", *TRAINER])
    )
    packed = subprocess.run(
        plan.archive(request), capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        names = archive.getnames()
    folder = plan.name_of(request.package).removesuffix(".tar.gz")
    assert {name.partition("/")[0] for name in names} == {folder}
    assert f"{folder}/setup.py" in names
    assert f"{folder}/trainer/task.py" in names
    assert not any("/tests/" in name for name in names)


@pytest.mark.slow
@needs_gcloud
def test_a_job_from_its_creation_to_its_score(cloud, capsys):
    at_look(cloud, lambda: None, lambda: finish(cloud))
    words = [
        *JOB,
        "--replicas=3",
        "--spot",
        "--service_account=s@demo-project.iam.gserviceaccount.com",
        "--network=projects/1/global/networks/vpc",
        "--tensorboard=projects/1/locations/us-central1/tensorboards/2",
    ]
    code = command.main([*words, "--", *TRAINER])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert shown.out == "MLP score: 98.00%\n"
    assert "no machine is left" in shown.err
    assert cloud.names() == []
    (sent,) = cloud.made()
    first, second = sent["jobSpec"]["workerPoolSpecs"]
    assert (first["replicaCount"], second["replicaCount"]) == ("1", "2")
    golden(cloud, "gcp_vertex_sent")
    # The code is the image's; the secret is for the replicas alone.
    assert len(cloud.get(f"{CONTROL}/secret")) == 64
    assert cloud.get(f"{CONTROL}/code.tar.gz") is None


@pytest.mark.slow
@needs_gcloud
def test_a_job_that_vertex_ai_gives_up_is_told_and_bounded(cloud, capsys):
    gone = [lambda: cloud.fail_job("The replica workerpool0-0 exited with 1")]
    at_look(cloud, *gone * 9)
    code = command.main([*JOB, "--", *TRAINER])
    shown = capsys.readouterr()
    assert code == 1
    assert len(cloud.made()) == 3
    assert shown.err.count("The replica workerpool0-0 exited with 1") == 3
    assert "gcloud ai custom-jobs stream-logs 102" in shown.err
    assert "no more are made" in shown.err
    assert cloud.names() == []


@pytest.mark.slow
@needs_gcloud
def test_a_job_is_taken_up_stopped_and_cancelled(cloud, capsys):
    assert command.main([*JOB, "--detach", "--", *TRAINER]) == 0
    assert cloud.names() == ["100"]
    capsys.readouterr()
    assert command.main(["list", "--region=us-central1"]) == 0
    assert "custom job" in capsys.readouterr().out
    assert command.main(["stop", "--name=job"]) == 0
    assert cloud.get("gs://mine/job/STOP") == b"stop\n"
    finish(cloud, 43)
    assert command.main(["status", "--name=job"]) == 0
    told = capsys.readouterr().out
    assert "ended with code 43" in told
    assert "RUNNING" in told
    assert command.main(["tensorboard", "--name=job"]) == 2
    assert "gs://mine/job/logs" in capsys.readouterr().err
    assert command.main(["delete", "--name=job", "--yes"]) == 0
    assert cloud.names() == []
    # In the same workdir, where the run goes on.
    at_look(cloud, lambda: finish(cloud))
    assert command.main(["resume", "--name=job", "--yes"]) == 0
    first, second = (body["jobSpec"] for body in cloud.made())
    assert first == second
    assert second["baseOutputDirectory"] == {"outputUriPrefix": "gs://mine/job"}
    assert cloud.names() == []


@pytest.mark.parametrize("verb", ["status", "delete"])
def test_a_job_of_another_folder_is_looked_for_in_its_region(verb, capsys):
    words = [verb, "--name=job", "--region=us-central1", "--dry_run"]
    assert command.main(words) == 0
    assert "custom-jobs list --region=us-central1" in capsys.readouterr().out
    assert command.main([verb, "--name=job", "--region=us-central1-a"]) == 2
    assert "must be a region such as us-central1" in capsys.readouterr().err


def test_the_image_is_told(capsys):
    code, shown = show(capsys, replaced(VERTEX, image="ours/strata:1"))
    assert code == 0
    assert "has no @sha256: digest" in shown.err
    assert IMAGE not in json.dumps(shown.out)
