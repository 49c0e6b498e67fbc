"""A sample of the faults that `make soak` makes, and some it does not."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from tests.faults import jobs
from tests.faults.jobs import Harmed
from tests.faults.kills import Campaign

SEED = 1
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calm(undisturbed):
    """A run that nobody touched."""
    return undisturbed(jobs.ONE_SHORT)


@pytest.fixture(scope="module")
def calm_two(undisturbed):
    """A run of two workers that nobody touched."""
    return undisturbed(jobs.TWO_SHORT)


def finish(job, code=0):
    assert job.process.wait(jobs.TOO_LONG_SECS) == code, job.output()[-3000:]


def harmed(kind, folder, faults):
    """Harms jobs until one is hit: on a busy machine it may end before."""
    for number in range(5):
        place = folder / str(number)
        campaign = Campaign(kind, place, SEED + number, is_forked=True)
        campaign.run(faults)
        if campaign.faults:
            return campaign
    raise AssertionError("each job had ended before its first fault")


def test_one_process_survives_faults(tmp_path, calm):
    campaign = harmed(jobs.ONE_SHORT, tmp_path, 4)
    jobs.assert_same(campaign.job, calm)
    result = campaign.job.result()
    total_secs = sum(result["goodput"].values())
    assert total_secs == pytest.approx(result["wall_secs"], rel=0.01)


def test_two_workers_survive_faults(tmp_path, calm_two):
    campaign = harmed(jobs.TWO_SHORT, tmp_path, 3)
    jobs.assert_same(campaign.job, calm_two)


def test_a_hung_worker_is_killed_and_the_job_goes_on(tmp_path, calm_two):
    with Harmed(jobs.TWO_SHORT, tmp_path / "job").cleaned_up() as job:
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        (hung,) = [note for note in job.alive() if note.worker == 1]
        os.kill(hung.process, signal.SIGSTOP)
        finish(job)
        assert "[1] hung, killed" in job.output()
        jobs.assert_same(job, calm_two)


def test_a_job_that_shrinks_and_grows_ends_with_one_process_bits(
    tmp_path, undisturbed
):
    calm = undisturbed(jobs.ELASTIC)
    with Harmed(jobs.ELASTIC, tmp_path / "job").cleaned_up() as job:
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        lost: set[int] = set()
        while "replicas: 2, workers: 2" not in job.output():
            last = [note for note in job.alive() if note.worker == 2]
            for note in last:
                if note.process not in lost:
                    os.kill(note.process, signal.SIGKILL)
                    lost.add(note.process)
            assert not job.has_ended(), job.output()[-3000:]
            time.sleep(jobs.LOOK_SECS)
        saved = job.steps_saved()
        jobs.wait_for(
            "a checkpoint of two", lambda: job.steps_saved()[-1:] > saved[-1:]
        )
        (chief,) = [note for note in job.alive() if note.worker == 0]
        os.kill(chief.process, signal.SIGKILL)
        finish(job)
        assert len(lost) >= 3
        told = job.output()
        assert told.rindex("workers: 3") > told.rindex("workers: 2")
        jobs.assert_same(job, calm)


@pytest.fixture
def job(tmp_path):
    """A job that has just saved a checkpoint."""
    with Harmed(jobs.ONE_SHORT, tmp_path / "job").cleaned_up() as job:
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        yield job


@pytest.mark.parametrize("part", [".", "checkpoints"])
def test_a_folder_that_is_removed_ends_the_run_in_a_line(job, calm, part):
    # At once: what is deleted file by file may be written anew meanwhile.
    (job.workdir / part).rename(job.folder / "gone")
    finish(job, code=75)
    assert "was removed while in use" in job.output()
    assert "Traceback" not in job.output()
    job.start()
    finish(job)
    jobs.assert_same(job, calm)


def test_a_restored_snapshot_goes_on_from_its_own_step(job, calm, tmp_path):
    shutil.copytree(job.workdir, tmp_path / "snapshot")
    jobs.wait_for("later checkpoints", lambda: len(job.steps_saved()) >= 3)
    job.process.kill()
    job.process.wait()
    shutil.rmtree(job.workdir)
    shutil.copytree(tmp_path / "snapshot", job.workdir)
    saved = job.steps_saved()
    job.start()
    finish(job)
    assert job.resumed()[-1] in saved
    jobs.assert_same(job, calm)


def test_a_second_job_is_refused_and_the_first_unharmed(job, calm):
    second = Harmed(job.kind, job.folder / "second")
    second.workdir = job.workdir
    second.start()
    finish(second, code=2)
    assert f"is in use by process {job.process.pid}" in second.output()
    finish(job)
    jobs.assert_same(job, calm)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 4 MB: twice what a whole run takes."""
    if os.geteuid() != 0:
        pytest.skip("to mount a small disk takes root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], check=True
    )
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@contextlib.contextmanager
def read_only(folder):
    subprocess.run(["chattr", "+i", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", folder], check=True)


def test_a_folder_that_becomes_read_only_is_told(small_disk, calm):
    with Harmed(jobs.ONE_SHORT, small_disk / "job").cleaned_up() as job:
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        with read_only(job.workdir / "checkpoints"):
            code = job.process.wait(jobs.TOO_LONG_SECS)
        assert code == 75, job.output()[-3000:]
        assert "strata: the disk failed: " in job.output()
        assert "Traceback" not in job.output()
        job.start()
        finish(job)
        jobs.assert_same(job, calm)


def test_a_disk_that_fills_is_told_and_what_was_saved_stands(small_disk, calm):
    with Harmed(jobs.ONE_SHORT, small_disk / "job").cleaned_up() as job:
        job.start()
        jobs.wait_for("a checkpoint", job.steps_saved)
        ballast = small_disk / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb") as file:
            while True:
                file.write(bytes(4096))
        code = job.process.wait(jobs.TOO_LONG_SECS)
        ballast.unlink()
        assert code == 75, job.output()[-3000:]
        job.start()
        finish(job)
        jobs.assert_same(job, calm)
