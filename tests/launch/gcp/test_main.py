"""`strata launch gcp`: what it refuses to do."""

import shlex

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import TPU
from tests.launch.gcp.example import TRAINER
from tests.launch.watched import run_watched
from trainer.launch.gcp import __main__ as command


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["gpus"], "did you mean gpu?"),
        (["launch"], "is none of gpu, tpu"),
        (["gpu", "stray"], "'stray' is not a flag of"),
    ],
)
def test_an_unknown_word_is_a_mistake(words, told, capsys):
    assert command.main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.count("\n") == 1
    assert told in shown.err or "required" in shown.err


@pytest.mark.parametrize("words", [GPU, TPU])
def test_a_dry_run_makes_no_process_and_no_connection(words):
    shown = run_watched(
        "trainer.launch.gcp.__main__", *words, "--dry_run", "--", *TRAINER
    )
    assert shown.out.startswith("#!/usr/bin/env bash\n")
    assert shlex.split(shown.out.splitlines()[-2])[:3] == [
        "gcloud",
        "storage",
        "rsync",
    ]


@pytest.mark.parametrize("words", [GPU, TPU])
def test_without_yes_and_a_terminal_nothing_is_made(words, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert command.main([*words, "--", *TRAINER]) == 2
    told = capsys.readouterr().err.splitlines()
    assert "mnist: 1 x " in "\n".join(told)
    assert "at most 24 h" in "\n".join(told)
    assert "nobody is at the terminal to ask; add --yes" in told[-1]


def test_without_gcloud_nothing_can_be_made(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert command.main([*GPU, "--yes", "--", *TRAINER]) == 2
    assert "gcloud is not on this machine" in capsys.readouterr().err
