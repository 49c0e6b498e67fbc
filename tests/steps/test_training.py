"""What a replica's step asks of its device."""

import pytest
import tensorflow as tf

from tests import stepping
from trainer.steps import training


@pytest.mark.parametrize("is_tpu", [False, True])
def test_a_tpus_step_asks_no_clock(is_tpu, monkeypatch):
    """XLA, by which a TPU runs all of it, has no kernel for one."""
    strategy = tf.distribute.get_strategy()
    asked, clock = [], tf.timestamp

    def noted():
        asked.append(1)
        return clock()

    monkeypatch.setattr(training, "is_single", lambda strategy: False)
    monkeypatch.setattr(tf, "timestamp", noted)
    if is_tpu:
        monkeypatch.setattr(tf.distribute, "TPUStrategy", type(strategy))
    config = stepping.config_of({"steps": 1, "jit_compile": False})
    losses, _ = stepping.run_steps(config, strategy)
    assert losses.shape == (1,)
    assert bool(asked) is not is_tpu
