"""What a machine's name tells of its GPUs."""

import pytest

from trainer.launch.gcp import gpus


@pytest.mark.parametrize(
    ("machine_type", "count", "needs_gvnic"),
    [
        ("a2-highgpu-2g", 2, False),
        ("a2-megagpu-16g", 16, False),
        ("a3-highgpu-8g", 8, True),
        ("g2-standard-4", 1, False),
        ("g2-standard-24", 2, False),
        ("g2-standard-32", 1, False),
        ("g2-standard-96", 8, False),
        ("g4-standard-48", 1, False),
        ("g4-standard-384", 8, False),
        ("a3-highgpu-1g", 1, True),
        ("a3-megagpu-8g", 8, True),
        ("a4-highgpu-8g", 8, True),
        ("a4x-highgpu-4g", 4, True),
        ("g7-standard-32", 0, False),
    ],
)
def test_a_machines_name_tells_its_gpus(machine_type, count, needs_gvnic):
    found = gpus.gpus_of(machine_type, None)
    assert found == gpus.Gpus(count, None, needs_gvnic)


@pytest.mark.parametrize(
    "machine_type",
    ["n1-standard-64", "n1-highmem-8", "custom-8-53248", "n1-custom-8-53248"],
)
def test_gpus_are_added_to_any_machine_that_takes_them(machine_type):
    added = gpus.gpus_of(machine_type, "type=nvidia-tesla-t4,count=4")
    assert added == gpus.Gpus(4, "type=nvidia-tesla-t4,count=4")


def test_gpus_are_added_to_a_machine_that_has_none():
    added = gpus.gpus_of("n1-standard-8", "nvidia-tesla-v100")
    assert added == gpus.Gpus(1, "type=nvidia-tesla-v100,count=1")


@pytest.mark.parametrize(
    ("machine_type", "is_warned"),
    [
        ("a4-highgpu-8g", True),
        ("g4-standard-48", True),
        ("a3-highgpu-8g", False),
        ("g2-standard-4", False),
        ("n1-standard-8", False),
    ],
)
def test_gpus_that_tensorflow_has_no_kernels_for_are_warned_of(
    machine_type, is_warned, capsys
):
    gpus.warn_of(machine_type)
    assert capsys.readouterr().err.startswith("WARNING: ") is is_warned
