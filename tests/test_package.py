"""The `strata` command: its verbs, its help and what it imports."""

import importlib.util
import pathlib
import re
import subprocess
import sys
import types

import pytest

import trainer
from trainer import __main__ as command

ROOT = pathlib.Path(__file__).parents[1]
HEAVY = ("absl", "keras", "ml_collections", "numpy", "tensorflow")


def test_help_lists_the_verbs(capsys):
    assert command.main(["--help"]) == 0
    printed = capsys.readouterr().out
    for name, verb in command.VERBS.items():
        assert re.search(rf"^  {name} +{verb.summary}$", printed, re.MULTILINE)


def test_help_imports_nothing_heavy():
    program = (
        "import sys, trainer.__main__ as command;"
        "command.main(['--help']);"
        f"print(sorted(set({HEAVY}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_trainer_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"strata {trainer.__version__}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("trian", "'trian' is no verb; did you mean train?"),
        (
            "launch slrum",
            "'launch slrum' is no verb; did you mean launch slurm",
        ),
        ("versoin", "did you mean version?"),
        ("help trian", "did you mean train?"),
        ("zzz", "'zzz' is no verb; see strata --help"),
    ],
)
def test_an_unknown_verb_is_one_line_with_the_nearest(words, told, capsys):
    assert command.main(words.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("strata: ")
    assert told in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "begin"),
    [
        ("", "usage: strata VERB"),
        ("help", "usage: strata VERB"),
        ("-h", "usage: strata VERB"),
        ("launch", "usage: strata launch WHERE"),
        ("launch --help", "usage: strata launch WHERE"),
        ("help launch", "usage: strata launch WHERE"),
        ("help train", "Trains and scores"),
        ("help report", "usage: strata report WORKDIR"),
        ("help launch local", "usage: strata launch local"),
        ("help launch gcp", "usage: strata launch gcp VERB"),
        ("help launch gcp gpu", "usage: strata launch gcp gpu"),
        ("version", f"strata {trainer.__version__}\n"),
        ("--version", f"strata {trainer.__version__}\n"),
    ],
)
def test_help_is_there_for_each_word(words, begin, capsys):
    assert command.main(words.split()) == 0
    assert capsys.readouterr().out.startswith(begin)


def test_a_verb_gets_the_words_after_it(monkeypatch):
    seen = []

    def do(argv):
        seen.append(argv)
        return 42

    stand_in = types.SimpleNamespace(main=do)
    monkeypatch.setitem(sys.modules, "stand_in", stand_in)
    monkeypatch.setitem(command.VERBS, "do", command.Verb("stand_in", ""))
    assert command.main(["do", "--config=a.py", "--help"]) == 42
    assert seen == [["--config=a.py", "--help"]]


def test_verbs_name_modules_that_exist():
    for verb in command.VERBS.values():
        assert importlib.util.find_spec(verb.module) is not None
