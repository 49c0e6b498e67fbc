"""What changed since a run's start before."""

import pytest

from trainer.train import record


def test_a_new_processor_is_a_difference_and_a_new_command_none():
    before = {
        **dict.fromkeys(record.BIT_FIELDS, "same"),
        "processor": "AMD EPYC, avx2",
        "command": ["old"],
    }
    now = {**before, "processor": "AMD EPYC, avx512f", "command": ["new"]}
    assert record.differences(before, now) == ["processor"]


@pytest.mark.parametrize("is_parted", [True, False])
def test_a_new_topology_is_a_difference_unless_steps_are_parted(is_parted):
    before = dict.fromkeys(record.BIT_FIELDS, "same")
    now = {**before, "topology": {"replicas": 2}}
    found = record.differences(before, now, is_parted=is_parted)
    assert found == ([] if is_parted else ["topology"])
