"""What ran: the processor by the kernels it gets, and what changed since."""

import pathlib

import pytest

from trainer.train import record

ZEN_4 = """\
processor\t: 0
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx avx2 avx512f

processor\t: 1
model name\t: AMD EPYC
flags\t\t: fpu sse2 avx avx2 avx512f
"""


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (ZEN_4, "AMD EPYC, avx512f"),
        (ZEN_4.replace(" avx512f", ""), "AMD EPYC, avx2"),
        (ZEN_4.replace(" avx avx2 avx512f", ""), "AMD EPYC"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", "aarch64"),
    ],
)
def test_two_generations_of_one_name_are_told_apart(told, name, monkeypatch):
    monkeypatch.setattr(pathlib.Path, "read_text", lambda path: told)
    monkeypatch.setattr(record.platform, "processor", lambda: "aarch64")
    assert record.processor() == name


def test_a_new_processor_is_a_difference_and_a_new_command_none():
    before = {
        **dict.fromkeys(record.BIT_FIELDS, "same"),
        "processor": "AMD EPYC, avx2",
        "command": ["old"],
    }
    now = {**before, "processor": "AMD EPYC, avx512f", "command": ["new"]}
    assert record.differences(before, now) == ["processor"]
