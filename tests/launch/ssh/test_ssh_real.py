"""Jobs over real ssh servers, whose hosts have networks of their own."""

import json
import pathlib

import pytest

from tests.faults import jobs
from tests.faults import sshd

pytestmark = pytest.mark.slow

FLAGS = (
    "--config=digits",
    "--config.epochs=150",
    "--config.model.dropout=0.2",
    "--config.checkpoint.every_secs=1",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two hosts."""
    if wrong := sshd.missing():
        pytest.skip(wrong)
    with sshd.lab(tmp_path_factory.mktemp("sshd"), 2) as made:
        yield made


def start(lab, workdir, *flags, trainer=FLAGS):
    """Starts a job; returns it, and what it has printed."""
    output = workdir.with_name(f"{workdir.name}.txt")
    words = [*flags, "--", *trainer, f"--workdir={workdir}"]
    process = lab.launch(output, *words)
    return process, lambda: output.read_text("utf8", "replace")


def result(workdir):
    return json.loads((workdir / "result.json").read_text())


@pytest.fixture(scope="module")
def calm(lab, tmp_path_factory):
    """The result of a job that nobody touched, in a folder of a hard name."""
    workdir = tmp_path_factory.mktemp("calm") / "a $(b) 'c"
    process, printed = start(lab, workdir)
    assert process.wait(jobs.TOO_LONG_SECS) == 0, printed()
    assert "[0] cluster: 2 workers, by tf_config; this is worker 0" in printed()
    return result(workdir)


def wait_for_checkpoint(workdir):
    folder = workdir / "checkpoints"
    jobs.wait_for(
        "a checkpoint",
        lambda: folder.is_dir() and list(folder.glob("step_*")),
    )


def trainers(lab):
    """The processes on all hosts but their servers."""
    found = []
    for host in lab.hosts:
        for pid in lab.processes(host):
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            found += [pid] if b"trainer.task" in command else []
    return found


def test_a_job_whose_chief_is_cut_off_goes_on(lab, calm, tmp_path):
    workdir = tmp_path / "run"
    process, printed = start(lab, workdir)
    wait_for_checkpoint(workdir)
    host = lab.hosts[0]
    host.link("down")
    try:
        said = f"strata: {host.address} does not answer"
        jobs.wait_for("the loss", lambda: said in printed())
    finally:
        host.link("up")
    assert process.wait(jobs.TOO_LONG_SECS) == 0, printed()
    found = result(workdir)
    assert "going on from step_" in printed()
    assert found["weights_sha256"] == calm["weights_sha256"], printed()
    assert found["evaluation"] == calm["evaluation"]
    assert found["workers"] == 2
    assert not trainers(lab)


def test_a_cut_off_host_can_be_left_behind(lab, tmp_path):
    workdir = tmp_path / "run"
    process, printed = start(lab, workdir, "--min_workers=1")
    wait_for_checkpoint(workdir)
    host = lab.hosts[1]
    host.link("down")
    try:
        assert process.wait(jobs.TOO_LONG_SECS) == 0, printed()
        # Its launcher was silent for too long.
        jobs.wait_for("its end", lambda: not trainers(lab))
    finally:
        host.link("up")
    assert "going on from step_" in printed()
    assert result(workdir)["workers"] == 1


def test_no_trainer_outlives_a_launcher_that_is_killed(lab, tmp_path):
    workdir = tmp_path / "run"
    process, _ = start(lab, workdir)
    wait_for_checkpoint(workdir)
    assert len(trainers(lab)) == 2
    process.kill()
    process.wait()
    jobs.wait_for("their end", lambda: not trainers(lab))


def test_a_wrong_config_fails_once(lab, tmp_path):
    workdir = tmp_path / "run"
    wrong = (*FLAGS, "--config.optimizer.name=adm")
    process, printed = start(lab, workdir, trainer=wrong)
    assert process.wait(jobs.TOO_LONG_SECS) == 2
    assert printed().count("[0] strata: config.optimizer.name='adm'") == 1
    assert not trainers(lab)
    assert not workdir.exists()
