"""A table's cells as a client sends them."""

import datetime

import numpy as np
import pytest
import tensorflow as tf

from trainer.serving import column_graphs
from trainer.serving.sent_cells import as_sent
from trainer.tables import fitting
from trainer.tables.cell_text import text_of
from trainer.tables.column_gatherers import Cells
from trainer.tables.table_column import TableColumn
from trainer.tables.table_file import Places

DAYS = [datetime.datetime(2024, 1, day) for day in range(1, 7)]


def encoding_of(**columns):
    """Settles an encoding by columns of six cells, and texts by its name."""
    found = {"y": TableColumn(np.zeros(6))}
    for name, texts in columns.items():
        gathered = Cells(False, "", "text" if name == "words" else None)
        gathered.add(texts, Places(range(6)))
        found[name] = gathered.finish()
    return fitting.fit(found, target="y", rows=np.arange(6))


@pytest.mark.parametrize(
    ("name", "cells", "sent"),
    [
        ("prices", ["1007,31", "9,5", *map(float, range(4))], 2),
        ("shares", ["5 %", *map(float, range(3)), "7 %", None], 3),
        ("days", [f"{day:%d.%m.%Y}" for day in DAYS[:-2]] + DAYS[-2:], 4),
        ("typed", DAYS, 6),
        ("words", DAYS[:3] * 2, 6),
        ("words", [f"{day:%Y-%m-%d}" for day in DAYS[:3]] + DAYS[:3], 6),
        ("numbers", [0.5, 1, 2, 3, None, 7e-9], 6),
        ("truths", [True, False, True, None, False, True], 6),
    ],
)
def test_a_run_and_its_export_make_the_same_of_what_is_sent(name, cells, sent):
    texts = [text_of(cell) for cell in cells]
    written = texts
    if name == "days":
        written = [f"{day:%d.%m.%Y}" for day in DAYS[::-1]]
        written[0] = "31.01.2024"
    encoding = encoding_of(**{name: written})
    found = as_sent(encoding, {name: texts})
    assert len(found[name]) == sent
    assert all(type(text) is str for text in found[name])
    ours = encoding.encode(found)
    rows = tf.constant([[text] for text in found[name]])
    theirs = column_graphs.encode(encoding, rows).numpy()
    np.testing.assert_array_equal(ours, theirs)
    if sent == len(cells):
        np.testing.assert_array_equal(ours, encoding.encode({name: texts}))
