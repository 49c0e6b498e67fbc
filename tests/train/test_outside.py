"""What TensorFlow says of data that could not be read, as what it was."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.cluster.place import Cluster
from trainer.input import pipeline
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.streamed_rows import Blocks
from trainer.sources.streamed_rows import StreamedRows
from trainer.train import outside
from trainer.workdir.folder import Workdir


def test_rows_that_changed_are_told_in_their_own_words(monkeypatch, tmp_path):
    monkeypatch.setenv("STRATA_STAGING_DIR", str(tmp_path))

    def fetch(start, stop):
        raise UserError("x_train.npy was written anew; begin another run")

    row, dtype = (1,), np.dtype("uint8")
    blocks = Blocks("made", row, dtype, np.array([0, 8]), fetch)
    split = Split(StreamedRows(blocks, 0), np.zeros(8, np.int64))
    dataset = Dataset("made", {"train": split}, "table")
    chunks = pipeline.distribute(
        tf.distribute.get_strategy(), split, pipeline.Plan(8, 4, 2, 1, 1)
    )
    with (
        pytest.raises(UserError, match=r"^x_train\.npy was written anew"),
        outside.named(Workdir(str(tmp_path)), Cluster(), dataset),
    ):
        next(chunks)
