"""The command line of a sweep."""

import pytest

from trainer.launch.sweep.flags import read_flags


@pytest.mark.parametrize(
    "words",
    [
        ["runs/x", "--trials=2", "--config=wine", "--config.epochs=3"],
        ["--config=wine", "--config.epochs", "3", "--trials=2", "runs/x"],
        [
            *("--workdir=runs/x", "--trials=2", "--config=wine"),
            "--config.epochs=3",
        ],
    ],
)
def test_its_folder_is_named_by_the_word_or_by_the_flag(words):
    wanted, rest = read_flags(words)
    assert wanted.workdir == "runs/x"
    assert rest == ["--config=wine", "--config.epochs=3"]
