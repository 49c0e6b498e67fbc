"""What a verb is about, and flags that there are not."""

import pytest

from trainer.process.arguments import Parser
from trainer.process.exits import UserError


def parse(*words, **more):
    parser = Parser("strata look", "Looks.")
    parser.about("workdir", "WORKDIR", "folder of the run", **more)
    parser.add_argument("--split")
    parser.add_argument("--input", nargs="+", action="extend")
    parser.add_argument("--contents", action="store_true")
    return parser.parse_args(list(words))


@pytest.mark.parametrize(
    "words",
    [
        ["runs/a"],
        ["--workdir=runs/a"],
        ["--workdir", "runs/a"],
        ["--split=test", "runs/a"],
        ["--split", "test", "runs/a", "--contents"],
        ["--contents", "runs/a"],
        ["runs/a", "--input", "x", "y"],
        ["runs/a", "--input=x", "y"],
    ],
)
def test_a_workdir_is_named_by_the_word_or_by_the_flag(words):
    assert parse(*words).workdir == "runs/a"


def test_several_stand_beside_one_another():
    assert parse("a", "b", is_many=True).workdir == ["a", "b"]
    assert parse("--workdir=a", "b", is_many=True).workdir == ["a", "b"]
    assert parse("--workdir=a", "--workdir=b", is_many=True).workdir == [
        "a",
        "b",
    ]


def test_what_is_left_out_has_a_default():
    assert parse(default="runs").workdir == "runs"
    assert parse("here", default="runs").workdir == "here"


def test_each_is_read_from_its_word():
    found = parse("a", "--workdir=b", is_many=True, convert=str.upper)
    assert found.workdir == ["B", "A"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "WORKDIR is missing: strata look WORKDIR, or --workdir=WORKDIR"),
        (["a", "b"], "takes one WORKDIR, and was given a and b; name one"),
        (["a", "--workdir=b"], "was given b and a; name one"),
        (["a", "--splt=b"], "'--splt=b' is not a flag of strata look; did you"),
        (["--workdr=a"], "did you mean --workdir?"),
        (["a", "--zzz"], "'--zzz' is not a flag of strata look; see strata"),
        (["a", "--split"], "expected one argument; see strata look --help"),
    ],
)
def test_what_cannot_be_meant_is_one_line(words, told):
    with pytest.raises(UserError) as caught:
        parse(*words)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_shows_the_word(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    assert "usage: strata look WORKDIR [flags]" in capsys.readouterr().out
