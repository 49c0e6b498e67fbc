"""What is compiled is a matter of speed alone."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests import stepping
from tests.stepping import ALL_AT_ONCE
from trainer.steps import training
from trainer.train import plan as plan_lib

DISTORTED = {
    **ALL_AT_ONCE,
    "data.augmentation.rotation_degrees": 10.0,
    "data.augmentation.elastic_alpha_pixels": 2.0,
}


@pytest.mark.slow
@pytest.mark.parametrize("fields", [ALL_AT_ONCE, DISTORTED])
def test_parts_that_are_compiled_train_as_the_whole_does(fields, monkeypatch):
    config = stepping.config_of({**fields, "steps": 30})
    whole, network = stepping.run_steps(config, tf.distribute.get_strategy())
    options = plan_lib.step_options(
        stepping.job_of(config, tf.distribute.get_strategy())
    )
    assert options.compiled == "step"
    values = {**vars(options), "compiled": "parts"}
    parts = training.StepOptions(**values)
    monkeypatch.setattr(plan_lib, "step_options", lambda job: parts)
    other, other_network = stepping.run_steps(
        config, tf.distribute.get_strategy()
    )
    np.testing.assert_allclose(whole, other, rtol=1e-4)
    for one, two in zip(
        network.scored.weights, other_network.scored.weights, strict=True
    ):
        np.testing.assert_allclose(
            one.value.numpy(), two.value.numpy(), atol=1e-4
        )


@pytest.mark.parametrize(
    "precision, jit_compile, compiled",
    [
        ("float32", True, "step"),
        ("bfloat16", True, "parts"),
        ("bfloat16", False, "none"),
        ("float32", False, "none"),
    ],
)
def test_on_cpus_bfloat16_products_are_left_to_tensorflow(
    precision, jit_compile, compiled
):
    fields = {"precision": precision, "jit_compile": jit_compile}
    config = stepping.config_of({**fields, "steps": 1})
    options = plan_lib.step_options(
        stepping.job_of(config, tf.distribute.get_strategy())
    )
    assert options.compiled == compiled


def test_nothing_in_a_tpus_program_asks_for_xla_itself():
    """The plug-in has no compiler for the host, where such a call begins."""
    job = stepping.job_of(
        stepping.config_of({"steps": 1}), tf.distribute.get_strategy()
    )
    on_tpu = dataclasses.replace(job, strategy_name="tpu")
    assert plan_lib.step_options(on_tpu).compiled == "none"
