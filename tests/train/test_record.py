"""What changed since a run's start before."""

import dataclasses

import numpy as np
import pytest

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.problem.problems import settle
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


def test_rows_are_told_by_their_labels_however_classes_are_numbered():
    config = Config(problem="multiclass")
    problem, _ = settle(config, dataset_of([0, 1, 2, 1]))

    def told(y, *names):
        named = dataclasses.replace(problem, class_names=names)
        return record.labels_sha256(np.array(y), named)

    first = told([0, 1, 2, 1], "a", "b", "c")
    assert first == told([2, 0, 1, 0], "b", "c", "a")
    others = ([0, 1, 2], [1, 0, 2, 1], [0, 1, 2, 2])
    assert first not in [told(y, "a", "b", "c") for y in others]
    assert first != told([0, 1, 2, 1], "a", "b", "d")
