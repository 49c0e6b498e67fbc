"""How a module of ours is started, and the processor by its kernels."""

import os
import pathlib
import subprocess
import sys

import pytest

from trainer.process import surroundings
from trainer.process.surroundings import module_command
from trainer.process.surroundings import ROOT

ZEN_4 = """\
processor\t: 0
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx avx2 avx512f

processor\t: 1
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx avx2 avx512f
"""


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (ZEN_4, "AMD EPYC, avx512f"),
        (ZEN_4.replace(" avx512f", ""), "AMD EPYC, avx2"),
        (ZEN_4.replace(" avx avx2 avx512f", ""), "AMD EPYC"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", "aarch64"),
    ],
)
def test_two_generations_of_one_name_are_told_apart(told, name, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path: told)
    monkeypatch.setattr(surroundings.platform, "processor", lambda: "aarch64")
    assert surroundings.processor() == name


def test_files_named_like_modules_are_not_taken_for_them(tmp_path, monkeypatch):
    for name in ("trainer", "json", "numpy", "tensorboard", "launch"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    done = subprocess.run(
        [*module_command("trainer.task"), "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Trains and scores")


def test_a_checkout_that_nobody_installed_runs_from_its_own_folder(monkeypatch):
    monkeypatch.chdir(ROOT)
    command = module_command("trainer.task")
    assert command == [sys.executable, "-m", "trainer.task"]
