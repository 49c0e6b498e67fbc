"""What chunks add up to: each row once, whatever it is asked for since."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.input.epochs import Epochs
from trainer.problem.multiclass import Multiclass
from trainer.process.clock import Since
from trainer.train import accounts as accounts_lib
from trainer.train.accounts import Accounts
from trainer.train.state import State

PROBLEM = Multiclass(
    "multiclass",
    "softmax",
    "categorical_crossentropy",
    ("accuracy",),
    10,
    True,
    (),
)
# 7 steps an epoch; the last has 4 rows.
EPOCHS = Epochs(examples=64, global_batch_size=10, total_steps=70)


class Clock:
    """Stands where it is put."""

    def __init__(self):
        self.secs = {}
        self.train_secs = 0.0

    def of(self, name):
        return self.secs.get(name, 0.0)


def begun(state=None, workers=1):
    clock, state = Clock(), state or State()
    return Accounts(PROBLEM, EPOCHS, clock, state, workers), clock, state  # type: ignore[arg-type]


def sums_of(steps, loss=1.0):
    """Sums of steps whose every row has this loss and is right."""
    width = len(PROBLEM.sum_names)
    return np.full([steps, width], loss * 10, np.float32)


def take(accounts, state, steps, loss=1.0):
    state.step += steps
    accounts.add(sums_of(steps, loss))


def test_names_are_as_these_tests_take_them():
    assert PROBLEM.sum_names[0] == "loss"


def test_the_bar_and_the_line_begin_anew_by_themselves():
    accounts, clock, state = begun()
    take(accounts, state, 2, loss=1.0)
    clock.train_secs = 1.0
    assert accounts.bar_values()["loss"] == pytest.approx(1.0)
    values = accounts.take_metrics()
    assert values["loss"] == pytest.approx(1.0)
    assert (state.sums, state.examples) == ([], 0)
    take(accounts, state, 2, loss=3.0)
    clock.train_secs = 2.0
    assert accounts.bar_values()["loss"] == pytest.approx(2.0)
    values = accounts.take_metrics()
    assert values["loss"] == pytest.approx(3.0)
    accounts.begin_bar()
    take(accounts, state, 1, loss=5.0)
    assert accounts.bar_values()["loss"] == pytest.approx(5.0)


def test_a_run_goes_on_with_the_sums_of_its_checkpoint():
    one, _, state = begun()
    take(one, state, 2, loss=1.0)
    stored = State(step=2, sums=list(state.sums), examples=state.examples)
    other, clock, state = begun(stored)
    take(other, state, 2, loss=2.0)
    clock.train_secs = 1.0
    # The bar begins with the process, the line with the one before.
    assert other.bar_values()["loss"] == pytest.approx(2.0)
    values, (speed, _) = other.take_metrics(), other.take_speed()
    assert values["loss"] == pytest.approx(1.5)
    assert speed["examples_per_sec"] == pytest.approx(20.0)


def test_rows_are_counted_and_not_padding():
    accounts, _, state = begun()
    take(accounts, state, 5)
    take(accounts, state, 2)
    assert (accounts.examples, accounts.steps) == (64, 7)
    take(accounts, state, 1)
    assert (accounts.examples, accounts.steps) == (74, 8)


def test_speed_is_that_since_the_last_line():
    accounts, clock, state = begun(workers=2)
    own_secs = np.array([0.25, 0.5], np.float32)
    # The first chunk compiles.
    clock.secs = {"compile": 5.0}
    assert accounts.add_secs(own_secs, 1) == {}
    take(accounts, state, 1)
    clock.secs = {"compile": 5.0, "train": 2.0, "input_wait": 0.5}
    spent = {"train": 2.0, "input_wait": 0.5}
    assert accounts.add_secs(own_secs, 1) == spent
    take(accounts, state, 1)
    clock.train_secs = 10.0
    speed, own = accounts.take_speed()
    assert speed == {
        "examples_per_sec": 2.0,
        "step_secs": 5.0,
        "input_wait_share": 0.05,
    }
    # By the steps that were timed.
    assert own == {"worker_secs/0": 0.25, "worker_secs/1": 0.5}
    clock.secs |= {"train": 3.0}
    assert accounts.add_secs(np.zeros(0), 2) == {
        "train": 1.0,
        "input_wait": 0.0,
    }
    take(accounts, state, 2)
    clock.train_secs = 12.0
    speed, own = accounts.take_speed()
    assert speed == {
        "examples_per_sec": 10.0,
        "step_secs": 1.0,
        "input_wait_share": 0.0,
    }
    assert own == {}


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_first_step_that_is_not_finite_is_named(bad):
    accounts, _, state = begun()
    take(accounts, state, 3)
    sums = sums_of(4)
    sums[2:, 0] = bad
    state.step += 4
    with pytest.raises(accounts_lib.DivergedError) as told:
        accounts.add(sums)
    assert str(told.value).startswith(
        "the loss is not finite at step 6 (steps 4 to 7); lower "
    )
    assert accounts.examples == 30


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.data())
def test_growth_adds_up_to_the_whole(grows, data):
    since, total, seen = Since({"secs": 7.0}), 7.0, 0.0
    for grown in grows:
        total += grown
        if data.draw(st.booleans()):
            seen += since.take({"secs": total})["secs"]
    seen += since.take({"secs": total})["secs"]
    assert seen == pytest.approx(total - 7.0)


def test_what_was_not_there_has_grown_from_nothing():
    since = Since()
    assert since.take({"a": 2.0}) == {"a": 2.0}
    assert since.take({"a": 2.0, "b": 1.0}) == {"a": 0.0, "b": 1.0}


def test_a_clock_that_stood_still_tells_no_speed():
    """As that of a process does that was stopped for most of a chunk."""
    accounts, clock, state = begun()
    take(accounts, state, 3)
    speed, _ = accounts.take_speed()
    assert speed == {}
    clock.train_secs = 2.0
    take(accounts, state, 4)
    speed, _ = accounts.take_speed()
    assert speed["step_secs"] == 0.5
