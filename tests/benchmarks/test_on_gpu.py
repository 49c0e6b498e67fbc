"""What is claimed of a GPU is tried on the CPU first."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks import gpu_machine
from benchmarks import on_gpu
from benchmarks.gpu_machine import MissedError
from benchmarks.gpu_machine import Run
from tests.processes import ROOT
from trainer.process import exits


def test_checks_are_chosen_by_words():
    assert on_gpu.chosen("") == list(on_gpu.CHECKS)
    assert on_gpu.chosen("resumed") == ["stopped, resumed", "killed, resumed"]
    words = "--checks=tf32,nonsense"
    assert on_gpu.main(["--dry_device=cpu", words]) == exits.MISTAKE
    assert on_gpu.main([]) == exits.MISTAKE


def test_what_fails_is_missed_and_the_rest_goes_on(tmp_path, monkeypatch):
    def miss(machine):
        raise MissedError("it is\nnot so")

    monkeypatch.setitem(on_gpu.CHECKS, "tf32", miss)
    monkeypatch.setitem(on_gpu.CHECKS, "bfloat16", lambda machine: "fine")
    machine = gpu_machine.Machine("CPU", None, tmp_path)
    assert on_gpu.tried("tf32", machine) == ("MISSED", "it is not so")
    assert on_gpu.tried("bfloat16", machine) == ("held", "fine")


def test_how_far_losses_are_apart(tmp_path, monkeypatch):
    one, other = (Run(tmp_path / name, 0, "") for name in "ab")
    losses = {one: np.array([2.0, 1.0]), other: np.array([2.0, 1.1])}
    monkeypatch.setattr(Run, "losses", property(lambda run: losses[run]))
    assert gpu_machine.apart(one, other) == pytest.approx(0.1 / 1.1)
    losses[other] = losses[other][:1]
    with pytest.raises(MissedError, match="2 losses and 1"):
        gpu_machine.apart(one, other)


@pytest.mark.slow
def test_a_few_checks_hold_on_the_cpu():
    done = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.on_gpu", "--dry_device=cpu"),
            "--checks=watchdog,two devices,NCCL",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    heads = ["watchdog", "Mirrored, two devices", "NCCL, one rank", ""]
    lines = done.stdout.splitlines()[1:]
    assert len(lines) == len(heads)
    for line, head in zip(lines, heads, strict=True):
        assert line.startswith(head)
        assert (" held " in line) is bool(head)
