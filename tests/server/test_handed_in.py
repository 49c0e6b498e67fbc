"""Rows of a request: numbers that people wrote, and cells of any name."""

import numpy as np
import pytest

from trainer.finished.trained_run import Layout
from trainer.server import handed_in
from trainer.sources import Encoding
from trainer.sources.number_column import NumberColumn
from trainer.sources.number_style import NumberStyle

GERMAN = NumberStyle(decimal=",", group=".")
PRICES = Encoding((NumberColumn("price", False, 0.0, GERMAN),), "y", False)
LAYOUT = Layout((1,), np.dtype(np.float32), PRICES)


def read(value, layout=LAYOUT):
    return handed_in.stored_rows("instances", value, layout, 10).tolist()


@pytest.mark.parametrize(
    "value",
    [
        [{"price": 1.234}],
        [[1.234]],
        {"price": [1.234]},
        [{"cells": [1.234]}],
        {"price": 1.234},
    ],
)
def test_a_number_is_not_read_as_another_that_is_written_so(value):
    assert read(value) == [[np.float32(1.234)]]


def test_a_cells_text_and_a_whole_number_are_read():
    rows = [{"price": "1.234,5"}, {"price": 7}, {"price": "7"}]
    assert read(rows) == [[1234.5], [7], [7]]


def test_a_column_may_be_called_as_a_tensor_is():
    columns = tuple(NumberColumn(n, False) for n in ("cells", "b64"))
    layout = Layout((2,), np.dtype(np.float32), Encoding(columns, "y", False))
    assert read([{"cells": 1, "b64": "2"}], layout) == [[1, 2]]
    alone = Layout(
        (1,), np.dtype(np.float32), Encoding(columns[:1], "y", False)
    )
    assert read([{"cells": "3"}], alone) == [[3]]
