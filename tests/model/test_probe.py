"""A network that is asked: its own outputs, and what each feature adds."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests import stepping
from trainer.model import network as networks
from trainer.model import probe as probes


def probe_of(**fields):
    config = stepping.config_of(fields)
    problem, dataset = stepping.load(config)
    problem = dataclasses.replace(problem)
    strategy = tf.distribute.get_strategy()
    network = networks.build(config, problem, dataset, strategy, 1)
    split = dataset.splits["test"]
    x = split.x[split.rows[:9]]
    return network, x, probes.NetworkProbe(network, x)


def test_it_answers_as_it_is_scored(monkeypatch):
    network, x, probe = probe_of()
    given = network.normalization(tf.constant(x))
    wanted = network.scored(given, training=False)
    monkeypatch.setattr(probes, "MOST_ROWS", 4)
    np.testing.assert_allclose(probe.outputs(x), wanted, rtol=1e-5)
    assert probe.parameters == network.model.count_params()


def test_values_come_in_their_own_units():
    fields = {"data.source": "diabetes", "problem": "regression"}
    network, x, probe = probe_of(**fields)
    mean = network.problem.target_mean.item()
    assert abs(probe.outputs(x).mean() - mean) < mean


@pytest.mark.parametrize("normalization", ["scale", "standardize"])
def test_what_features_add_is_the_outputs_way_from_nothing(normalization):
    fields = {"data.normalization": normalization}
    network, x, probe = probe_of(**fields)
    place = np.arange(len(x)) % 10
    found = probe.attributions(x, place)
    assert found.shape == x.shape
    given = network.normalization(tf.constant(x))
    nothing = network.scored(tf.zeros_like(given), training=False)
    way = network.scored(given, training=False) - nothing
    wanted = way.numpy()[np.arange(len(x)), place]
    # Of a sum of 32 parts; what ReLUs bend between two is lost.
    np.testing.assert_allclose(found.sum(axis=(1, 2)), wanted, atol=5e-3)


def test_what_features_of_a_linear_network_add_is_its_products():
    fields = {
        "data.source": "diabetes",
        "problem": "regression",
        "model.hidden_units": [],
    }
    network, x, probe = probe_of(**fields)
    kernel, _ = network.model.weights
    given = network.normalization(tf.constant(x)).numpy()
    found = probe.attributions(x, np.zeros(len(x), np.int64))
    np.testing.assert_allclose(found, given * kernel.numpy()[:, 0], rtol=1e-4)
