"""What a replica's step asks of its device."""

import pytest
import tensorflow as tf

from tests import stepping
from trainer.steps import training


@pytest.mark.parametrize("kind", ["CPU", "GPU", "TPU"])
def test_only_a_cpus_step_asks_a_clock(kind, monkeypatch):
    """A TPU's XLA has no kernel for one, and a GPU would wait for the host."""
    strategy = tf.distribute.get_strategy()
    asked, clock = [], tf.timestamp

    def noted():
        asked.append(1)
        return clock()

    monkeypatch.setattr(training, "is_single", lambda strategy: False)
    monkeypatch.setattr(tf, "timestamp", noted)
    monkeypatch.setattr(
        type(strategy.extended), "worker_devices", (f"/device:{kind}:0",)
    )
    config = stepping.config_of({"steps": 1, "jit_compile": False})
    losses, _ = stepping.run_steps(config, strategy)
    assert losses.shape == (1,)
    assert bool(asked) is (kind == "CPU")
