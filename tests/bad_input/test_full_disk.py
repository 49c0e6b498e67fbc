"""A disk that fills ends a run in a line, and loses nothing that was saved."""

import shutil
import subprocess

import numpy as np
import pytest

from tests.bad_input.commands import command
from trainer.__main__ import main
from trainer.workdir import checkpoints

DISK_FULL = 75


@pytest.fixture
def small_disk(tmp_path):
    """Mounts a disk of a given size, or gives a mounted one another."""
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(*options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", *options, "tmpfs", str(disk)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")

    yield disk, mount
    subprocess.run(["umount", str(disk)], check=False, capture_output=True)


def run_on(disk, here):
    """A run of 41 steps, whose 5 checkpoints take some 250 kB."""
    return command(
        [
            f"--workdir={disk}/run",
            "--config=digits",
            "--config.epochs=1",
            "--config.model.hidden_units=16",
            "--config.checkpoint.every_steps=10",
            "--config.checkpoint.keep=1000",
        ],
        here,
    )


def check_disk_full(done) -> None:
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("strata: the disk failed: ")
    assert "No space left on device" in done.stderr
    assert done.returncode == DISK_FULL


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle(small_disk, here):
    disk, mount = small_disk
    mount("-o", "size=150k")
    check_disk_full(run_on(disk, here))
    folder = disk / "run" / "checkpoints"
    steps = checkpoints.steps_in(folder)
    assert 1 <= len(steps) < 5
    for step in steps:
        assert checkpoints.verify(checkpoints.path_of(folder, step)) is None
    mount("-o", "remount,size=16m")
    done = run_on(disk, here)
    assert f"going on from step_{steps[-1]:08d}" in done.stdout
    assert "done at step 41" in done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_disk_too_small_for_an_event_file(small_disk, here):
    disk, mount = small_disk
    mount("-o", "size=12k")
    check_disk_full(run_on(disk, here))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "evaluate --workdir={run} --output={disk}/scores.json",
        "predict --workdir={run} --input={rows} --output={disk}/out.csv",
        "predict --workdir={run} --input={rows} --output={disk}/out.npy",
        "report {run} --output={disk}/report.html",
        "report {disk}/run",
        "compare {run} {disk}/run --output={disk}/page.html",
        "export --workdir={disk}/run --formats=keras",
        "export --workdir={disk}/run --formats=saved_model",
        "export --workdir={disk}/run --formats=tflite",
        "export --workdir={disk}/run --formats=onnx",
    ],
)
def test_a_disk_without_room_for_what_a_verb_writes(
    words, small_disk, trained, tmp_path, capsys
):
    disk, mount = small_disk
    run, rows = trained("multiclass"), tmp_path / "rows.npy"
    np.save(rows, np.zeros((3000, 8, 8), np.uint8))
    mount("-o", "size=8m")
    shutil.copytree(run, disk / "run", ignore=shutil.ignore_patterns("*.v2"))
    (disk / "run" / "export").mkdir()
    left = shutil.disk_usage(disk).free
    (disk / "full").write_bytes(bytes(left - 8192))
    there = sorted(disk.rglob("*"))
    capsys.readouterr()
    assert main(words.format(run=run, disk=disk, rows=rows).split()) == 75
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("strata: the disk failed: ")
    assert not [line for line in told if "Traceback" in line]
    assert sorted(disk.rglob("*")) == there
