"""Shares add up to the same bits, whatever the replicas that work them off."""

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests import stepping
from trainer.input.parting import Parting
from trainer.model import network as networks
from trainer.steps import shares
from trainer.steps import training
from trainer.steps.shares import Shares
from trainer.train import plan as plan_lib

WIDTH = 7


def values_of(count, seed):
    """Returns float32 [shares, WIDTH] whose sum depends on the order."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(count, WIDTH)) * 10.0 ** rng.integers(
        -4, 5, (count, WIDTH)
    )
    found[:, 0] = -0.0
    return found.astype(np.float32)


def add_up(values, replicas, monkeypatch, order=slice(None)):
    """Returns what each replica finds to be the sum of all shares."""
    parting = Parting(len(values), replicas)

    def gradient(x, y, examples, first_row, step, weight=None):
        return [tf.reduce_sum(x, axis=0)], tf.reduce_sum(y, axis=0)

    parted = Shares(
        parting,
        gradient,
        [tf.TensorShape([WIDTH]), tf.TensorShape([2])],
        is_compiled=False,
    )
    x = np.concatenate([values, np.zeros_like(values)])
    owned = []
    for replica in range(replicas):
        monkeypatch.setattr(shares, "replica_index", lambda r=replica: r)
        first = parting.first(replica)
        own = tf.constant(x[first : first + parting.most])
        (slots,), sums = parted.own(own, own[:, 1:3], 0, first, 0)
        owned.append((slots, sums))
    owned = owned[order]
    slots, sums = (
        functools.reduce(np.add, [pair[place].numpy() for pair in owned])
        for place in (0, 1)
    )
    found, told = parted.whole([tf.constant(slots)], tf.constant(sums))
    (mean,) = shares.without_signs_of_zero(found)
    return mean.numpy(), told.numpy()


def bits(arrays):
    return [array.tobytes() for array in arrays]


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_any_replicas_come_to_the_same_bits(count, replicas, seed):
    values, replicas = values_of(count, seed), min(replicas, count)
    with pytest.MonkeyPatch.context() as monkeypatch:
        alone = add_up(values, 1, monkeypatch)
        several = add_up(values, replicas, monkeypatch)
        turned = add_up(values, replicas, monkeypatch, slice(None, None, -1))
    assert bits(several) == bits(alone)
    assert bits(turned) == bits(alone)


def test_shares_are_added_by_the_tree_and_in_no_other_order(monkeypatch):
    values = values_of(8, seed=1)
    gradient, _ = add_up(values, 3, monkeypatch)
    pairs = values[0::2] + values[1::2]
    fours = pairs[0::2] + pairs[1::2]
    np.testing.assert_array_equal(gradient, fours[0] + fours[1])
    one_by_one = values[0]
    for value in values[1:]:
        one_by_one = one_by_one + value
    assert (gradient != one_by_one).any()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(-0.0, 0.0), (1e-40, 0.0), (-3.5, -3.5), (2.0**-126, 2.0**-126)],
)
def test_a_zero_has_no_sign(number, expected):
    (found,) = shares.without_signs_of_zero([tf.constant([number])])
    assert found.numpy().tobytes() == np.float32(expected).tobytes()


def test_what_is_not_finite_stays_so():
    (found,) = shares.without_signs_of_zero(
        [tf.constant([np.nan, np.inf, -np.inf])]
    )
    np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf])


def test_without_shares_a_step_is_made_as_it_was(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("a step without shares asks for none of theirs")

    monkeypatch.setattr(shares, "Shares", refuse)
    monkeypatch.setattr(training.stateless, "assigning_update_of", refuse)
    strategy = tf.distribute.get_strategy()
    job = stepping.job_of(stepping.config_of({"steps": 1}), strategy)
    network = networks.build(job.config, job.problem, job.dataset, strategy, 1)
    assert type(network.optimizer).__mro__[1].__name__ == "Optimizer"
    options = plan_lib.step_options(job)
    training.training_loop(strategy, network, options)


def test_a_step_by_shares_asks_once_for_a_sum_over_replicas(monkeypatch):
    """Two sums could wait for each other, each on its own devices."""
    strategy = tf.distribute.get_strategy()
    kind = tf.distribute.ReplicaContext
    asked, all_reduce = [], kind.all_reduce

    def noted(self, *arguments):
        asked.append(arguments)
        return all_reduce(self, *arguments)

    monkeypatch.setattr(kind, "all_reduce", noted)
    monkeypatch.setattr(training, "is_single", lambda strategy: False)
    monkeypatch.setattr(
        type(strategy.extended), "worker_devices", ("/device:GPU:0",)
    )
    fields = {"steps": 1, "jit_compile": False, "virtual_replicas": 3}
    losses, _ = stepping.run_steps(stepping.config_of(fields), strategy)
    assert losses.shape == (1,)
    assert len(asked) == 1
