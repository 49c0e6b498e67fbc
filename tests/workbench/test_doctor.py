"""`strata doctor`: what is told of a machine, and what is not."""

import os
import pathlib
import re
import socket
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from trainer.process.exits import UserError
from trainer.workbench import devices
from trainer.workbench import doctor
from trainer.workbench import machine
from trainer.workbench import software
from trainer.workbench.findings import discreet
from trainer.workbench.findings import Finding

WANTED = [
    Requirement("numpy>=1.26,<3"),
    Requirement("keras>=3.15,<4"),
    Requirement('onnx>=1.18; extra == "onnx"'),
    Requirement('tf2onnx>=1.16; extra == "onnx"'),
    Requirement('pyarrow>=20; extra == "arrow"'),
    Requirement('pytest>=8; extra == "test"'),
    Requirement('nvcc>=12; sys_platform == "no" and extra == "gpu"'),
]


def test_a_page_has_a_line_for_each_thing_and_no_secret(capsys, monkeypatch):
    monkeypatch.setenv("STRATA_JOB_SECRET", "hush-hush")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": "10.1.2.3"}')
    monkeypatch.setenv("XLA_FLAGS", f"--x={pathlib.Path.home()}/y")
    monkeypatch.setattr(socket, "gethostname", lambda: "a-name-of-ours")
    assert doctor.main(["--quick"]) == 0
    shown = capsys.readouterr().out
    for title, _ in doctor.sections(is_quick=True):
        assert f"\n{title}\n" in f"\n{shown}"
    for secret in ("hush", "10.1.2.3", "a-name-of-ours"):
        assert secret not in shown
    assert re.search(r"XLA_FLAGS +--x=~/y", shown)
    assert max(map(len, shown.splitlines())) < 160
    assert shown.count("\n") < 80


def test_tensorflow_is_asked_in_a_process_of_its_own(monkeypatch):
    said = '{"version": "2.21.0", "cuda": null, "devices": ["CPU"]}\n'
    done = subprocess.CompletedProcess([], 0, f"a line\n{said}", "")
    monkeypatch.setattr(devices, "finish", lambda *_: done)
    first, second = devices.tensorflow()
    assert first.words.startswith("2.21.0, for CPUs; starts in")
    assert second.words == "1 × CPU"


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (1, "ImportError: libcuda\n", "does not start: ImportError: libcuda"),
        (-4, "", "lacks an instruction"),
        (-9, "", "it was killed"),
        (3, "", "no word"),
    ],
)
def test_a_tensorflow_that_does_not_start_ends_nothing(
    code, said, words, monkeypatch
):
    done = subprocess.CompletedProcess([], code, "", said)
    monkeypatch.setattr(devices, "finish", lambda *_: done)
    (found,) = devices.tensorflow()
    assert words in found.words
    assert found.remedy
    assert found.stops


def test_a_tensorflow_that_does_not_answer_is_told(monkeypatch):
    hang = [sys.executable, "-c", "import signal; signal.pause()"]
    monkeypatch.setattr(devices, "module_command", lambda _: hang)
    monkeypatch.setattr(devices, "START_SECS", 0.1)
    (found,) = devices.tensorflow()
    assert found.words.endswith("did not answer in 0.1 s")


def test_what_stops_a_run_gives_code_1(capsys, monkeypatch):
    lines = [Finding("a", "is there"), Finding("b", "is not", "get b", True)]
    monkeypatch.setattr(
        doctor, "sections", lambda **_: [("Things", lambda: lines)]
    )
    assert doctor.main([]) == 1
    *_, title, line = capsys.readouterr().out.splitlines()
    assert (title, line.split()) == ("To do", ["b", "get", "b"])


def test_packages_are_held_against_their_bounds():
    found = {"numpy": "3.1", "pytest": "9"}
    numpy, keras = software.packages(WANTED, found)
    assert numpy.words == "3.1, which is not <3,>=1.26"
    assert "-m pip install 'numpy<3,>=1.26'" in numpy.remedy
    assert (keras.words, keras.stops) == ("missing", True)


def test_an_extra_lacks_what_is_missing_or_too_old():
    found = {"onnx": "1.17", "pyarrow": "21"}
    lines = {f.name: f.words for f in software.extras(WANTED, found)}
    # Those of developers, and of another system, are no extra here.
    assert lines == {"arrow": "installed", "onnx": "lacks onnx, tf2onnx"}


def test_a_folder_that_cannot_be_written_to_stops_a_run(monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(machine.tempfile, "TemporaryFile", refuse)
    found = machine.disk("here", str(tmp_path))
    assert "cannot be written and locked: Read-only file system" in found.words
    assert found.stops


def test_a_folder_that_was_removed_stops_a_run(monkeypatch, tmp_path, capsys):
    folder = tmp_path / "removed"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert doctor.main(["--quick"]) == 1
    shown = capsys.readouterr().out
    assert re.search("here +this folder is no longer there", shown)
    assert re.search("here +go to another folder", shown)


def test_a_port_that_is_taken_is_told(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(machine, "PORTS", {port: "a verb"})
        taken, _ = machine.ports()
    free, _ = machine.ports()
    assert taken.words.startswith("address already in use; a verb takes")
    assert free.words == "free; a verb"


def test_a_file_servers_clock_is_held_against_ours(monkeypatch):
    monkeypatch.setattr(machine, "_disk_skew_secs", lambda: -7.25)
    _, found = machine.clocks()
    assert found.words == "-7.2 s from it"
    assert "set the clocks" in found.remedy


def test_gpus_of_one_kind_are_counted():
    row = "NVIDIA H200, 550.1, 143771 MiB\n"
    assert devices.gpus_of(row * 2) == (
        "2 × NVIDIA H200, 143771 MiB; driver 550.1"
    )
    assert devices.gpus_of("") == "none"


def test_a_gpu_without_its_compiler_is_told(monkeypatch):
    def refuse(environment):
        raise UserError("needs ptxas")

    monkeypatch.setattr(devices.gpu_compiler, "check", refuse)
    found = {"version": "2", "cuda": "12.5.1", "devices": ["CPU", "H (sm_90)"]}
    *_, last = devices.seen(found, 3.0, {})
    assert (last.words, last.stops) == ("needs ptxas", True)
    assert "'strata-mlp[gpu]'" in last.remedy


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/me/x", "~/x"),
        ("a:/home/me:/b", "a:~:/b"),
        ("/home/me", "~"),
        ("/home/mean/x", "/home/mean/x"),
    ],
)
def test_a_home_is_not_told(text, shown, monkeypatch):
    monkeypatch.setitem(os.environ, "HOME", "/home/me")
    assert discreet(text) == shown
