"""Rows of a request: numbers that people wrote, and cells of any name."""

import numpy as np
import pytest

from trainer.finished.trained_run import Layout
from trainer.process.exits import UserError
from trainer.server import handed_in
from trainer.server import tensors
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn
from trainer.tables.number_style import NumberStyle

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


def test_no_more_lists_are_read_than_may_be(monkeypatch):
    monkeypatch.setattr(handed_in, "MOST_CONTAINERS", 3)
    assert handed_in.parsed(b'{"a": [[1]]}') == {"a": [[1]]}
    with pytest.raises(UserError, match=r"has 4 lists and objects; .* have 3"):
        handed_in.parsed(b'{"a": [[1], []]}')


# As NumPy's own texts they would take more than 64 bits can name.
LONG_AMONG_SHORT = ["x" * 2**24, *[""] * 2**21]
IMAGES = Layout((2,), np.dtype(np.float32), None)


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (IMAGES, [LONG_AMONG_SHORT]),
        (IMAGES, [[[0, 1]], [LONG_AMONG_SHORT]]),
        (IMAGES, LONG_AMONG_SHORT),
        (LAYOUT, LONG_AMONG_SHORT),
    ],
)
def test_a_long_text_among_many_takes_no_memory(layout, value):
    with pytest.raises(UserError, match="has a text where a row or a number"):
        handed_in.stored_rows("instances", value, layout, 2**22)


def test_a_long_text_in_a_tensor_takes_no_memory():
    value = {"name": "x", "shape": [1], "datatype": "FP32"}
    with pytest.raises(UserError, match="'data' that are no numbers"):
        tensors.Reader(b"").read(value | {"data": [LONG_AMONG_SHORT]})


@pytest.mark.parametrize("number", [1, 0.5, True, 2**40])
def test_numbers_are_no_texts(number):
    assert not handed_in.has_text([[number, 0.5], [1, number]])
    assert handed_in.has_text([[number, 0.5], [1, "a"]])
