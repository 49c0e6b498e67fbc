"""The trainer's command line as launchers read it: words, and no config."""

import pathlib
import re

import pytest

from tests.processes import ROOT
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
        (["runs/two", "--config", "x"], ["--workdir=runs/two", "--config=x"]),
        (["gs://bucket/it"], ["--workdir=gs://bucket/it"]),
    ],
)
def test_a_flag_and_its_value_become_one_word(words, expected):
    assert flags.joined(words) == expected


@pytest.mark.parametrize("word", ["--workdir", "--config", "--config.epochs"])
def test_a_flag_without_its_value_is_a_mistake(word):
    with pytest.raises(UserError, match=f"Missing value for flag {word}"):
        flags.read(["--config=x", word])


def test_a_config_alone_is_told_as_a_shell_takes_it():
    with pytest.raises(UserError, match=r"did you mean --config='a b\.py'\?"):
        flags.read(["a b.py"])


def test_flags_may_stand_in_a_file(tmp_path):
    more = tmp_path / "more.flags"
    more.write_text("--config.steps=7\n")
    file = tmp_path / "my.flags"
    file.write_text(
        "# of all runs\n--config=digits\n--config.seed=3\n--devices=1\n"
        f"--flagfile={more}\n"
    )
    found, config = flags.parse(["--flagfile", str(file), "--config.seed=4"])
    assert (found.config_name, found.devices) == ("digits", 1)
    assert (config.seed, config.steps) == (4, 7)
    assert flags.joined([f"--flagfile={file}", "runs/two"]) == [
        *("--config=digits", "--config.seed=3", "--devices=1"),
        *("--config.steps=7", "--workdir=runs/two"),
    ]


def test_a_file_of_flags_is_of_text(tmp_path):
    (tmp_path / "my.flags").write_bytes(b"--config=\xff\n")
    with pytest.raises(UserError, match="--flagfile cannot be read"):
        flags.joined([f"--flagfile={tmp_path}/my.flags"])


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


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--epochs=3", "--config.epochs"),
        ("--epoch=3", "--config.epochs"),
        ("--noepochs", "--config.epochs"),
        ("--learning_rate=3", "--config.optimizer.learning_rate"),
        ("--batch_size=3", "--config.global_batch_size"),
        ("--workdri=x", "--workdir"),
    ],
)
def test_an_unknown_flag_is_told_with_the_nearest(word, meant):
    with pytest.raises(UserError, match=rf"did you mean {meant}\?"):
        flags.read(["--config=x", word])


def test_a_config_is_known_by_its_file_or_by_its_run():
    names = ["a/b.py", "a/b.yaml", "a/b/config.json", "config.json", "mnist"]
    found = [flags.Flags(config=name).config_name for name in names]
    assert found == ["b", "b", "b", "config", "mnist"]


@pytest.fixture
def own(tmp_path):
    """A workdir with nothing but a config."""
    (tmp_path / "config.json").write_text('{"epochs": 7, "checksum": "x"}')
    return tmp_path


def test_a_run_goes_on_by_its_workdir_alone(own):
    found, config = flags.parse([f"{own}", "--config.seed=3"])
    assert found.run_workdir == str(own)
    assert (config.epochs, config.seed) == (7, 3)


def test_fields_are_set_over_a_document(own):
    words = ["--config.steps=9", "--config.model.hidden_units=5"]
    _, config = flags.parse([f"--config={own}/config.json", *words])
    assert (config.epochs, config.steps) == (None, 9)
    assert config.model.hidden_units == (5,)


def test_a_document_keeps_the_rules(tmp_path):
    (tmp_path / "own.yaml").write_text("epochs: 0")
    with pytest.raises(UserError, match=r"config\.epochs=0 must be 1 or more"):
        flags.parse([f"--config={tmp_path}/own.yaml"])


@pytest.mark.parametrize(
    ("workdir", "told"),
    [
        ("runs/x", "^runs/x holds no run and --config"),
        ("gs://b/x", "^--config"),
    ],
)
def test_a_workdir_alone_must_hold_a_run(workdir, told):
    with pytest.raises(UserError, match=f"{told} is missing"):
        flags.read([workdir])


def test_help_has_each_exit_code_of_the_readme():
    readme = pathlib.Path(ROOT, "README.md").read_text()
    rows = re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)
    told = re.findall(r"^ {1,3}(\d+)  ", flags.help_text(), re.MULTILINE)
    assert "1" in told
    assert sorted(told) == sorted(rows)
