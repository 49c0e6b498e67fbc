"""What changed since a run's start before."""

from trainer.train import record


def test_a_new_processor_is_a_difference_and_a_new_command_none():
    before = {
        **dict.fromkeys(record.BIT_FIELDS, "same"),
        "processor": "AMD EPYC, avx2",
        "command": ["old"],
    }
    now = {**before, "processor": "AMD EPYC, avx512f", "command": ["new"]}
    assert record.differences(before, now) == ["processor"]
