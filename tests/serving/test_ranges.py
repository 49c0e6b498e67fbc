"""Values far outside of the training range are told of, with the range."""

import types

import numpy as np
import pytest

from trainer.serving.ranges import MOST_TOLD
from trainer.serving.ranges import Ranges


def ranges_of(least, greatest):
    data = {"ranges": {"least": least, "greatest": greatest}}
    return Ranges(types.SimpleNamespace(data=data, encoding=None))  # type: ignore[arg-type]


def test_far_is_more_than_the_ranges_width_beyond_it():
    ranges = ranges_of([0, -1, 3], [10, 1, 3])
    ranges.look(np.array([[20, 0, 3], [20.5, 3, 3]], np.float32))
    ranges.look(np.array([[-11, 0, 4]], np.float32))
    assert [line.partition(":")[0] for line in ranges.warnings()] == [
        "2 value(s) of 'column 0' lie far outside of what the run was trained"
        " on, 0.0000 to 10.0000",
        "1 value(s) of 'column 2' lie far outside of what the run was trained"
        " on, 3.0000 to 3.0000",
    ]


def test_many_columns_are_told_in_few_lines():
    ranges = ranges_of([0] * 9, [1] * 9)
    ranges.look(np.full((1, 9), 5))
    assert len(ranges.warnings()) == MOST_TOLD + 1
    assert ranges.warnings()[-1] == "so do values of 4 more"


@pytest.mark.parametrize("data", [{}, {"ranges": None}])
def test_a_run_without_ranges_warns_of_nothing(data):
    stored = types.SimpleNamespace(data=data, encoding=None)
    ranges = Ranges(stored)  # type: ignore[arg-type]
    ranges.look(np.full((2, 3), 1e9))
    assert ranges.warnings() == []
