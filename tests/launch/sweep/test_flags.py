"""The command line of a sweep."""

import pytest

from trainer.launch.sweep.flags import read_flags
from trainer.process.exits import UserError


@pytest.mark.parametrize(
    "words",
    [
        ["runs/x", "--trials=2", "--config=wine", "--config.epochs=3"],
        ["--config=wine", "--config.epochs", "3", "--trials=2", "runs/x"],
        [
            *("--workdir=runs/x", "--trials=2", "--config=wine"),
            "--config.epochs=3",
        ],
        [
            *("--config=wine", "--workdir=runs/x", "--"),
            *("--config.epochs=3", "--trials=2"),
        ],
    ],
)
def test_its_folder_is_named_by_the_word_or_by_the_flag(words):
    wanted, rest = read_flags(words)
    assert wanted.workdir == "runs/x"
    assert rest == ["--config=wine", "--config.epochs=3"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--trails=3", "--trials"),
        ("--seed=3", "--seeds"),
        ("--paralel=2", "--parallel"),
        ("--epoch=3", "--config.epochs"),
        ("--devces=3", "--devices"),
    ],
)
def test_an_unknown_flag_is_told_with_the_nearest(word, meant):
    with pytest.raises(UserError, match=rf"did you mean {meant}\?"):
        read_flags(["--config=wine", word])


def test_flags_of_a_launcher_take_a_launcher():
    with pytest.raises(UserError, match="--launcher=slurm or kubernetes"):
        read_flags(["--config=wine", "--launcher_flags=--time=60"])


@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_trials_at_a_time_have_no_port_to_share(launcher):
    words = ["--config=wine", "--metrics_port=9095", f"--launcher={launcher}"]
    read_flags(words)
    with pytest.raises(UserError, match="--metrics_port=9095 is one port"):
        read_flags([*words, "--parallel=2"])


def test_pods_have_a_port_each():
    words = ["--config=wine", "--metrics_port=9095", "--parallel=2"]
    read_flags([*words, "--launcher=kubernetes"])
