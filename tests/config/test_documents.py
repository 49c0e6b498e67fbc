"""Configs written as YAML or JSON."""

import dataclasses
import json

import pytest

from trainer.config import Config
from trainer.config import documents
from trainer.config.validation import validate
from trainer.config.values import flatten
from trainer.process.exits import UserError


@pytest.fixture
def read(tmp_path):
    def from_text(text, name="own.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return documents.read(str(path))

    return from_text


def test_fields_stand_in_sections_or_dotted(read):
    nested = read("epochs: 3\nmodel:\n  hidden_units: [12, 7]\n")
    dotted = read("epochs: 3\nmodel.hidden_units: [12, 7]\n")
    assert nested == dotted
    assert (nested.epochs, nested.model.hidden_units) == (3, (12, 7))


def test_json_holds_the_same(read):
    assert read('{"epochs": 3, "model": {"dropout": 0.1}}', "own.json") == read(
        "epochs: 3\nmodel: {dropout: 0.1}"
    )


def test_a_runs_own_config_is_one(read):
    config = Config(epochs=3)
    config.model.hidden_units = (5,)
    stored = {**dataclasses.asdict(config), "checksum": "0" * 64}
    assert read(json.dumps(stored), "config.json") == config


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        # Each of them is something else in YAML 1.1.
        ("optimizer: {learning_rate: 3e-4}", "optimizer.learning_rate", 3e-4),
        ("data: {target: no}", "data.target", "no"),
        ("data: {target: 2020-01-02}", "data.target", "2020-01-02"),
        ("data: {target: 12:30}", "data.target", "12:30"),
        ("seed: 010", "seed", 10),
        ("data: {target: null}", "data.target", None),
        ("jit_compile: false", "jit_compile", False),
        ("data: {ignore: [a, b c]}", "data.ignore", ["a", "b c"]),
    ],
)
def test_values_are_those_of_yaml_1_2(read, text, path, value):
    assert flatten(read(text))[path] == value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epochs: [1", "own.yaml cannot be read"),
        ("epochs: 3\nepochs: 4", "'epochs' stands there twice"),
        ("model: {l2: 1, l2: 2}", "'l2' stands there twice"),
        ("- epochs", "must hold fields with their values"),
        ("", "must hold fields with their values"),
        # Names that are no texts, wherever they stand.
        ("1: 2", "config.1 is not a field of"),
        ("null: 2", "config.None is not a field of"),
        ("optimizer: {1: 2}", "config.optimizer.1 is not a field of"),
        ("optimizer: {schedule: {true: 2}}", "schedule.True is not a field of"),
        ("log: {!!timestamp 2020-01-02: 3}", "log.2020-01-02 is not a field"),
        ("epochs: {1: 2}", "config.epochs.1 is not a field of"),
        ("? [a]\n: 2", "own.yaml cannot be read"),
        ("model: 3", "config.model=3 must be a ModelConfig"),
        ("model: {hidden_unit: 3}", "did you mean config.model.hidden_units?"),
        # A property, a field of a tuple, and a tag of another type.
        ("data: {augmentation: {distorts: true}}", "is not a field of"),
        ("model: {hidden_units: {count: 3}}", "is not a field of"),
        ("model.__class__.dropout: 0.5", "is not a field of"),
        ("epochs: !!int [3]", "own.yaml cannot be read"),
        ("epochs: !!bool maybe", "own.yaml cannot be read"),
        ("epochs: !!timestamp soon", "own.yaml cannot be read"),
        ("epoch: 3", "did you mean config.epochs?"),
        ("a: !!python/object:os.system x", "cannot be read"),
    ],
)
def test_a_mistake_is_one_line(read, text, told):
    with pytest.raises(UserError) as caught:
        read(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_section_has_its_defaults(read):
    assert read("model: {}\noptimizer: {schedule: {}}") == Config()


@pytest.mark.parametrize("path", ["epochs", "model.hidden_units", "seed"])
def test_an_empty_mapping_is_no_value(read, path):
    with pytest.raises(UserError, match=rf"config.{path}=\{{\}} must be a"):
        validate(read(f"{path}: {{}}"))


def test_a_mistake_in_json_is_one_line(read):
    with pytest.raises(UserError, match=r"own.json cannot be read.*line 1"):
        read("{", "own.json")


def test_a_file_that_is_none_is_a_mistake(tmp_path):
    (tmp_path / "own.yaml").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        documents.read(str(tmp_path / "own.yaml"))
