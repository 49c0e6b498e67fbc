"""How a command ends where its code did not foresee it."""

import errno
import os
import subprocess
import sys

import pytest

from tests.processes import ROOT
from trainer.process import exits


def failing(*workdirs):
    """Returns a command that reads workdirs without checksums, and fails."""

    @exits.verb
    def main(argv):
        for workdir in workdirs:
            exits.note_unsealed(workdir)
        return {}["examples"]

    return main


def test_a_defect_is_shown_as_one():
    with pytest.raises(KeyError):
        failing()([])


def test_what_fails_over_files_without_checksums_is_told_in_a_line(capsys):
    assert failing("runs/b", "runs/a")([]) == exits.MISTAKE
    told = capsys.readouterr().err
    assert told.startswith("strata: KeyError at test_exits.py:")
    assert "('examples'), while runs/a and runs/b was read" in told
    assert told.count("\n") == 1


def test_a_command_is_not_doubted_for_what_another_read():
    assert failing("runs/a")([]) == exits.MISTAKE
    with pytest.raises(KeyError):
        failing()([])


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ("EIO EROFS EFBIG ENODEV ENXIO", "disk"),
        ("ESTALE ENOTCONN ETIMEDOUT EREMOTEIO EHOSTDOWN", "disk"),
        ("ENOMEM EMFILE ENFILE", "system"),
    ],
)
def test_a_failure_of_the_machine_is_told_in_a_line(names, what, capsys):
    @exits.verb
    def main(argv):
        number = getattr(errno, argv[0], errno.EIO)
        raise OSError(number, os.strerror(number), "runs/a/state.npz")

    for name in names.split():
        assert main([name]) == exits.CLUSTER_FAILED
        told = capsys.readouterr().err
        assert told.startswith(f"strata: the {what} failed: [Errno ")
        assert "'runs/a/state.npz'" in told
        assert told.count("\n") == 1


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize(
    ("words", "code"), [("version", 0), ("evaluate /nowhere", 2)]
)
def test_a_stream_that_a_daemon_closed_is_nowhere(closed, words, code):
    line = f"exec {sys.executable} -m trainer {words} {closed}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == code
    if closed == "<&-":
        assert done.stdout + done.stderr
