"""What a run says of its shares, and which devices cannot work them off."""

import dataclasses
import types

import pytest

from trainer.config import Config
from trainer.input.pipeline import Plan
from trainer.process.exits import UserError
from trainer.train import plan as plan_lib

PLAN = Plan(
    examples=1000,
    global_batch_size=128,
    total_steps=10,
    replicas=1,
    most_steps=10,
    virtual_replicas=8,
)


@pytest.mark.parametrize(
    ("replicas", "told"),
    [
        (1, "shares: 8 of 16 rows, one after the other"),
        (2, "4 a replica at most; replicas tell each other 2 gradients (8 MB)"),
        (3, "3 a replica at most; replicas tell each other 5 gradients"),
    ],
)
def test_shares_are_told_with_what_they_cost(replicas, told):
    plan = dataclasses.replace(PLAN, replicas=replicas)
    assert told in plan_lib.told_of_shares(plan, 1_000_000)


def test_more_replicas_than_shares_are_refused():
    strategy = types.SimpleNamespace(num_replicas_in_sync=3)
    plan_lib.check_shares(Config(virtual_replicas=3), strategy)
    plan_lib.check_shares(Config(), strategy)
    with pytest.raises(UserError, match=r"virtual_replicas=2 .* 3 replicas"):
        plan_lib.check_shares(Config(virtual_replicas=2), strategy)
