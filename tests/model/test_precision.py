"""What is compiled is a matter of speed alone."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests import stepping
from tests.stepping import ALL_AT_ONCE
from trainer.model import optimizers
from trainer.process import surroundings
from trainer.steps import training
from trainer.steps.options import StepOptions
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
    parts = StepOptions(**values)
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


@pytest.mark.parametrize(
    "precision, gpu, warning",
    [
        ("tf32", None, "'tf32' has no effect without a GPU: products are"),
        ("bfloat16", None, None),
        ("bfloat16", (7, 5), "on Tesla X, whose compute capability is 7.5 and"),
        ("tf32", (7, 0), "'tf32' has no effect on Tesla X, whose compute"),
        ("float32", (7, 5), None),
        ("bfloat16", (8, 0), None),
        ("bfloat16", (), None),
    ],
)
def test_a_precision_that_a_device_lacks_is_told(
    precision, gpu, warning, monkeypatch, capsys
):
    # Not this machine's processor, which may have none.
    monkeypatch.setattr(optimizers, "has_bfloat16", lambda: True)
    details = {"device_name": "Tesla X", "compute_capability": gpu}
    gpus = [] if gpu is None else ["/physical_device:GPU:0"]
    monkeypatch.setattr(
        tf.config, "list_physical_devices", lambda kind=None: gpus
    )
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        # What a driver of another kind tells.
        lambda gpu: details if details["compute_capability"] else {},
    )
    optimizers.warn_of_precision(precision, is_tpu=False)
    told = capsys.readouterr().out
    assert told.startswith("WARNING: config.precision=") is bool(warning)
    assert (warning or "") in told


@pytest.mark.parametrize(
    "precision, flags, is_tpu, is_told",
    [
        ("bfloat16", "flags : fpu avx2 avx512f", False, True),
        ("bfloat16", "flags : fpu avx2 avx512_bf16", False, False),
        ("bfloat16", "flags : fpu amx_bf16 amx_tile", False, False),
        ("bfloat16", "Features : fp asimd bf16", False, False),
        ("bfloat16", "Features : fp asimd", False, True),
        ("bfloat16", "flags : fpu avx2", True, False),
        ("bfloat16", "", False, False),
        ("float32", "flags : fpu avx2", False, False),
    ],
)
def test_a_processor_without_bfloat16_is_told(
    precision, flags, is_tpu, is_told, tmp_path, monkeypatch, capsys
):
    (tmp_path / "cpuinfo").write_text(f"{flags}\n")
    monkeypatch.setattr(surroundings, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    optimizers.warn_of_precision(precision, is_tpu=is_tpu)
    told = capsys.readouterr().out
    assert ("no products of it" in told) is is_told
    assert ("--config.precision=float32" in told) is is_told


def test_gpus_run_a_single_replicas_chunk_in_pieces(monkeypatch):
    job = stepping.job_of(
        stepping.config_of({"steps": 1}), tf.distribute.get_strategy()
    )
    assert not plan_lib.step_options(job).in_pieces
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: ["/device:GPU:0"]
    )
    assert plan_lib.step_options(job).in_pieces
    monkeypatch.setattr(training, "is_single", lambda strategy: False)
    assert not plan_lib.step_options(job).in_pieces
