"""Workdirs that cannot be used."""

import pathlib

import pytest

from tests.bad_input.row import DIGITS
from tests.bad_input.row import folder
from tests.bad_input.row import Row
from tests.bad_input.row import text_file


def broken_link(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    (here / "run").symlink_to("nowhere")


WORKDIRS = [
    Row(
        "file for a workdir",
        DIGITS,
        ("/run is not a folder",),
        text_file("run"),
    ),
    Row(
        "workdir in a file",
        "--config=digits --workdir={here}/run/a/b",
        ("cannot be written", "/run is not a writable folder"),
        text_file("run"),
    ),
    Row("broken link", DIGITS, ("/run is not a folder",), broken_link),
    Row(
        "too long a name",
        f"--config=digits --workdir={{here}}/{'a' * 300}",
        ("too long",),
    ),
    Row(
        "checkpoints of no config",
        DIGITS,
        ("holds checkpoints but no config.json",),
        folder("run/checkpoints"),
    ),
    Row(
        "torn config.json",
        DIGITS,
        ("config.json cannot be read",),
        text_file("run/config.json", '{"seed": 4'),
    ),
    Row(
        "folder for config.json",
        DIGITS,
        ("config.json cannot be read",),
        folder("run/config.json"),
    ),
    Row(
        "list in config.json",
        DIGITS,
        ("config.json cannot be read", "Expected `object`"),
        text_file("run/config.json", "[1]"),
    ),
    Row(
        "unknown field in config.json",
        DIGITS,
        ("config.json", "config.epoch ", "this version"),
        text_file("run/config.json", '{"epoch": 4}'),
    ),
    Row(
        "text for an int in config.json",
        DIGITS,
        ("config.json", "config.epochs='4'"),
        text_file("run/config.json", '{"epochs": "4"}'),
    ),
    Row(
        "another config's workdir",
        f"{DIGITS} --config.data.validation_fraction=0",
        ("another config", "seed: 7 -> 42", "epochs: 31 -> 30", "name another"),
        text_file("run/config.json", '{"seed": 7, "epochs": 31}'),
    ),
    Row(
        "folder for the lock",
        DIGITS,
        (".lock cannot be locked",),
        folder("run/.lock"),
    ),
]
