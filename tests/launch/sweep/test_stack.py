"""Which sweeps may have their runs side by side."""

import dataclasses

import pytest

from tests.launch.sweep.test_crew import plan_of
from trainer.config import Config
from trainer.launch.sweep import stack
from trainer.process.exits import UserError


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"words": ("--config=digits", "--devices=2")}, "--devices"),
        ({"words": ("--config=digits", "--log_to=wandb")}, "--log_to"),
        ({"config": Config(virtual_replicas=2)}, "virtual_replicas=2"),
        ({"study": plan_of(pruner="median").study}, "pruner='median'"),
    ],
)
def test_what_trains_alone_is_refused_in_one_line(changes, told):
    plan = dataclasses.replace(plan_of(), **changes)
    stack.check(1, plan)
    with pytest.raises(UserError, match=f"--stack=4: .*{told}"):
        stack.check(4, plan)


def test_what_a_sweep_adds_is_no_hindrance():
    words = ("--config=digits", "--data_dir=DIR", "--config.epochs=3")
    stack.check(4, dataclasses.replace(plan_of(), words=words))


def test_the_last_stretch_is_of_what_is_left():
    assert stack.parted([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
