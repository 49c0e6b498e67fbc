"""Jobs over real ssh servers, whose hosts have networks of their own."""

import contextlib
import json
import pathlib
import sys

import pytest

from tests import fork_server
from tests import forked
from tests.faults import jobs
from tests.faults import sshd

pytestmark = pytest.mark.slow

FLAGS = jobs.TWO_SHORT.flags


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Two hosts."""
    if wrong := sshd.missing():
        pytest.skip(wrong)
    with sshd.lab(tmp_path_factory.mktemp("sshd"), 2) as made:
        yield made


def start(lab, workdir, *flags, trainer=FLAGS, python=None):
    """Starts a job; returns it, and what it has printed."""
    output = workdir.with_name(f"{workdir.name}.txt")
    words = [*flags, "--", *trainer, f"--workdir={workdir}"]
    process = lab.launch(output, python or forked.python(), *words)
    return process, lambda: output.read_text("utf8", "replace")


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


def trainers(lab):
    """The trainers on all hosts, and those in whose place they run."""
    names = (b"trainer.task", fork_server.__name__.encode())
    found = []
    for host in lab.hosts:
        for pid in lab.processes(host):
            with contextlib.suppress(OSError):  # It ended meanwhile.
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                if any(name in command for name in names):
                    found.append(pid)
    return found


def test_a_job_whose_chief_is_cut_off_goes_on(lab, calm, tmp_path):
    """In a folder of a hard name."""
    workdir = tmp_path / "a $(b) 'c"
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
    assert "[0] cluster: 2 workers, by tf_config; this is worker 0" in printed()
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
    assert len(trainers(lab)) == 4
    process.kill()
    process.wait()
    jobs.wait_for("their end", lambda: not trainers(lab))


def test_a_wrong_config_fails_once(lab, tmp_path):
    workdir = tmp_path / "run"
    wrong = (*FLAGS, "--config.problem=binary")
    process, printed = start(lab, workdir, trainer=wrong, python=sys.executable)
    assert process.wait(jobs.TOO_LONG_SECS) == 2
    assert printed().count("[0] strata: y_train holds 10 classes") == 1
    assert not trainers(lab)
    assert not workdir.exists()
