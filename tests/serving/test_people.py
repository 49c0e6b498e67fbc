"""Tables as people write them: read as what they are, and served alike."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given

from tests.people import tables
from trainer import sources
from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.serving import column_graphs
from trainer.tables.category_column import CategoryColumn
from trainer.tables.encoding import file_blocks
from trainer.tables.opening import open_table

# What a refusal of a column that may be read in two ways says.
UNCLEAR = ("may be thousands or decimals", "begin with the day or the month")


@pytest.mark.fuzz
@given(tables())
def test_no_cell_of_a_persons_table_is_a_category_of_its_own(written):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        path.write_bytes(written.content)
        config = DataConfig(source="files", validation_fraction=0.2)
        try:
            dataset = sources.load(config, seed=1, data_dir=str(path))
        except UserError as error:
            assert "\n" not in str(error)
            told = (*UNCLEAR, "no column is left to learn")
            assert any(words in str(error) for words in told), error
            return
        encoding = dataset.encoding
        assert encoding is not None
        for column in encoding.columns:
            if written.kinds[column.name] != "text":
                assert not isinstance(column, CategoryColumn), column
        left_out = dict(encoding.left_out)
        for name, kind in written.kinds.items():
            assert kind == "text" or name not in left_out, left_out
        x = dataset.splits["train"].x
        (again,) = file_blocks(open_table(path), encoding, len(x))
        assert again.tobytes() == x.tobytes()
        (block,) = open_table(path).blocks(len(x))
        cells = [block.columns[c.name] for c in encoding.columns]
        served = column_graphs.encode(
            encoding, tf.transpose(tf.constant(cells))
        )
        np.testing.assert_array_equal(served, x)
