"""The trainer's command line as launchers read it: words, and no config."""

import pytest

from trainer import flags
from trainer.process.exits import UserError


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--workdir", "a b", "--config=x"], ["--workdir=a b", "--config=x"]),
        (["-config", "x", "--max_secs", "9"], ["-config=x", "--max_secs=9"]),
        (["--config.epochs", "3"], ["--config.epochs=3"]),
        # A value may look like a flag; a switch takes none.
        (["--data_dir", "--help"], ["--data_dir=--help"]),
        (["--help", "x"], ["--help", "x"]),
        (
            ["--config.model.skip_connections", "x"],
            ["--config.model.skip_connections", "x"],
        ),
        (["--", "x", ""], ["--", "x", ""]),
    ],
)
def test_a_flag_and_its_value_become_one_word(words, expected):
    assert flags.joined(words) == expected


@pytest.mark.parametrize("word", ["--workdir", "--config", "--config.epochs"])
def test_a_flag_without_its_value_is_a_mistake(word):
    with pytest.raises(UserError, match=f"Missing value for flag {word}"):
        flags.read(["--config=x", word])


def test_a_config_is_not_opened():
    words = [
        "--config",
        "/there/x.py",
        "--config.epochs",
        "none",
        "--devices=2",
    ]
    found = flags.read(words)
    assert (found.config, found.devices) == ("/there/x.py", 2)
    assert found.run_workdir == "runs/x"


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("id", ("id",)),
        ("unit price", ("unit price",)),
        ('"unit price"', ("unit price",)),
        ("2019", ("2019",)),
        ('"2019"', ("2019",)),
        ("a,b", ("a,b",)),
        ("('a, b', 'c')", ("a, b", "c")),
        ("it's", ("it's",)),
        ("(1", ("(1",)),
        ("True", ("True",)),
    ],
)
def test_names_in_a_flag_are_taken_as_they_are(value, names):
    _, config = flags.parse(
        ["--config=your_data", f"--config.data.ignore={value}"]
    )
    assert config.data.ignore == names


def test_an_empty_word_is_no_flag():
    assert flags.read(["--config=x", ""]).config == "x"
