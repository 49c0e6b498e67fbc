"""How a command ends where its code did not foresee it."""

import pytest

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
