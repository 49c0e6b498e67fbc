"""A profile says where the time of some steps went, and changes nothing."""

import json
import re

import pytest

from trainer import task
from trainer.journal import profile
from trainer.workdir.folder import PROFILE_FILE

FLAGS = ("--config=digits", "--config.steps=60", "--config.log.report=false")


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("profile") / "run"
    flags = [*FLAGS, "--profile_steps=13:33", f"--workdir={workdir}"]
    assert task.main(flags) == 0
    return workdir


def test_ten_lines_tell_of_the_very_steps(profiled):
    lines = (profiled / PROFILE_FILE).read_text().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("profile: steps 13 to 33 took ")
    shares = [float(m) for m in re.findall(r"([\d.]+)%  ", "\n".join(lines))]
    assert len(shares) == 7
    assert sum(shares) == pytest.approx(100, abs=1)
    assert lines[8].startswith("estimate: ")


def test_the_trace_is_where_tensorboard_looks(profiled):
    found = list(profiled.glob("plugins/profile/*/*.xplane.pb"))
    assert [path.stat().st_size > 1000 for path in found] == [True]


def test_a_profile_leaves_every_bit(profiled, tmp_path):
    assert task.main([*FLAGS, f"--workdir={tmp_path}/run"]) == 0
    hashes = [
        json.loads((path / "result.json").read_text())["weights_sha256"]
        for path in (profiled, tmp_path / "run")
    ]
    assert hashes[0] == hashes[1]


def test_steps_that_are_never_taken_are_told(tmp_path, capsys):
    flags = [*FLAGS, "--profile_steps=100:110", f"--workdir={tmp_path}/run"]
    assert task.main(flags) == 0
    printed = capsys.readouterr().out
    assert "no profile: this start took no step of 100 to 110" in printed


def test_a_start_past_the_steps_says_so_once(tmp_path, capsys):
    flags = [*FLAGS, f"--workdir={tmp_path}/run", "--config.log.every_steps=5"]
    assert task.main([*flags, "--config.steps=20"]) == 0
    capsys.readouterr()
    assert task.main([*flags, "--profile_steps=1:2"]) == 0
    assert capsys.readouterr().out.count("no profile:") == 1


def test_the_stages_add_up_to_the_whole():
    secs = {"input_wait": 0.25, "dispatch": 0.5, "device": 0.1, "host": 0.15}
    lines = profile.describe(100, 110, 1.0, secs).splitlines()
    assert lines[0] == (
        "profile: steps 100 to 110 took 1.000 s, 100.00 ms a step"
    )
    assert lines[2].split()[:3] == ["dispatch", "50.0%", "0.500"]
