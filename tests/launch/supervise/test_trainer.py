"""How the trainer is started, whatever the current folder holds."""

import os
import subprocess
import sys

from trainer.launch.supervise.trainer import module_command
from trainer.launch.supervise.trainer import ROOT


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
