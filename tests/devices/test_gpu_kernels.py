"""GPUs that TensorFlow's build is too old for are warned of."""

import pytest
import tensorflow as tf

from trainer.devices import gpu_kernels

BUILT = ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"]


@pytest.mark.parametrize(
    "capability, is_there",
    [
        ((6, 1), True),
        ((7, 5), True),
        ((8, 0), True),
        ((8, 9), True),
        ((9, 0), True),
        ((10, 0), False),
        ((12, 0), False),
        ((5, 2), False),
    ],
)
def test_which_gpus_a_build_fits(capability, is_there):
    assert gpu_kernels.has_kernels(capability, BUILT) is is_there
    assert gpu_kernels.has_kernels(capability, ["sm_120a"]) is (
        capability == (12, 0)
    )


@pytest.mark.parametrize("capability", [(12, 0), (9, 0), None])
def test_one_that_is_newer_than_the_build_is_warned_of(
    capability, monkeypatch, capsys
):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["g"])
    monkeypatch.setattr(
        tf.config.experimental,
        "get_device_details",
        lambda gpu: {"device_name": "X", "compute_capability": capability},
    )
    monkeypatch.setattr(
        tf.sysconfig,
        "get_build_info",
        lambda: {"cuda_compute_capabilities": BUILT},
    )
    gpu_kernels.check()
    told = capsys.readouterr().out
    assert ("WARNING: X has compute capability 12.0, and" in told) is (
        capability == (12, 0)
    )
    assert bool(told) is (capability == (12, 0))
