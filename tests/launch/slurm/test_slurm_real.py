"""Jobs on a real Slurm, whose nodes are hosts of their own."""

import json
import sys

import pytest

from tests import forked
from tests.faults import jobs
from tests.faults import slurm
from trainer.launch.slurm import script

pytestmark = pytest.mark.slow

FLAGS = jobs.TWO_SHORT.flags
LAUNCH = ("-m", "trainer.launch.slurm", "--nodes=2")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A cluster of two nodes."""
    if wrong := slurm.missing():
        pytest.skip(wrong)
    with slurm.cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


def start(lab, workdir, *flags, trainer=FLAGS, python=None):
    workdir.parent.mkdir(exist_ok=True)
    words = [python or forked.python(), *LAUNCH, *flags, "--", *trainer]
    words += [f"--workdir={workdir}"]
    return lab.submit(*words, cwd=workdir.parent)


def output(workdir):
    logs = sorted(workdir.parent.glob("*.log"))
    return "".join(log.read_text("utf8", "replace") for log in logs)


def result(workdir):
    return json.loads((workdir / "result.json").read_text())


@pytest.fixture(scope="module")
def calm(undisturbed):
    """The result of the same job on one machine; nobody touched it."""
    return undisturbed(jobs.TWO_SHORT).result()


def wait_for_checkpoint(workdir):
    folder = workdir / "checkpoints"
    jobs.wait_for(
        "a checkpoint",
        lambda: folder.is_dir() and list(folder.glob("step_*")),
    )


def assert_went_on(workdir, calm, restarts):
    found = result(workdir)
    assert found["weights_sha256"] == calm["weights_sha256"]
    assert found["evaluation"] == calm["evaluation"]
    assert found["restarts"] >= restarts, output(workdir)


def test_a_job_that_is_told_to_leave_is_queued_again(lab, calm, tmp_path):
    workdir = tmp_path / "run"
    number = start(lab, workdir, "--requeue")
    wait_for_checkpoint(workdir)
    lab.ask(*script.stop(number))
    assert lab.finish(number) == "COMPLETED", output(workdir)
    found = output(workdir)
    assert "cluster: 2 workers, by slurm; this is worker 0 (n08:" in found
    assert "the job's code is 42" in found
    assert_went_on(workdir, calm, restarts=1)


def test_a_job_that_loses_a_node_goes_on_without_to_the_same_bits(
    lab, undisturbed, tmp_path
):
    workdir = tmp_path / "run"
    flags = ("--requeue", "--min_nodes=1")
    number = start(lab, workdir, *flags, trainer=jobs.ELASTIC.flags)
    wait_for_checkpoint(workdir)
    lab.kill_node("n09")
    try:
        assert lab.finish(number) == "COMPLETED", output(workdir)
    finally:
        lab.start_node("n09")
    assert "cluster: 2 workers, by slurm" in output(workdir)
    assert result(workdir)["workers"] == 1
    # Those of one process that nobody touched.
    assert_went_on(workdir, undisturbed(jobs.ELASTIC).result(), restarts=1)


def test_a_job_goes_on_after_its_time_limit(lab, calm, tmp_path):
    workdir = tmp_path / "run"
    # Slurm may tell it up to a minute sooner than is asked.
    flags = ("--requeue", "--time=2", "--stop_secs=75")
    longer = [*FLAGS, "--config.epochs=3000"]
    number = start(lab, workdir, *flags, trainer=longer)
    told = "the job's code is 42"
    wait_for_checkpoint(workdir)
    # Meanwhile they wait for their network, and leave the cores to others.
    lab.hosts["n09"].slow_down("1mbit")
    try:
        jobs.wait_for("the limit", lambda: told in output(workdir))
    finally:
        lab.hosts["n09"].speed_up()
    wait_for = "going on from step_"
    jobs.wait_for("a second start", lambda: wait_for in output(workdir))
    lab.ask("scancel", number)
    assert lab.finish(number) == "CANCELLED"


def test_a_wrong_config_fails_once(lab, tmp_path):
    workdir = tmp_path / "run"
    wrong = (*FLAGS, "--config.problem=binary")
    number = start(
        lab, workdir, "--requeue", trainer=wrong, python=sys.executable
    )
    assert lab.finish(number) == "FAILED"
    assert output(workdir).count("srun ended with 2") == 1
    assert not workdir.exists()
