"""What TensorFlow says of data, memory and peers, as what it was."""

import errno
import os
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from trainer.cluster.place import Cluster
from trainer.config import Config
from trainer.input import pipeline
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.streamed_rows import Blocks
from trainer.sources.streamed_rows import StreamedRows
from trainer.train import outside
from trainer.train.job import Work
from trainer.workdir.folder import Workdir


def work_of(folder, dataset, place):
    asked_of_nothing: Any = None
    return Work(
        config=Config(),
        place=place,
        problem=asked_of_nothing,
        dataset=dataset,
        fingerprint="",
        workdir=Workdir(str(folder)),
    )


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
        outside.named(work_of(tmp_path, dataset, Cluster())),
    ):
        next(chunks)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(
            None, None, "OOM when allocating tensor with shape[400000,400000]"
        ),
        tf.errors.ResourceExhaustedError(
            None, None, "Out of memory while trying to allocate 99 bytes."
        ),
        MemoryError("Unable to allocate 596. GiB"),
    ],
)
def test_too_little_memory_is_the_users_and_no_peers(workers, error, tmp_path):
    addresses = ("a:1", "b:1")[:workers]
    dataset = Dataset("made", {}, "table")
    told = r"^config\.model\.hidden_units=.* config\.global_batch_size=.* need"
    with (
        pytest.raises(UserError, match=told),
        outside.named(work_of(tmp_path, dataset, Cluster(addresses))),
    ):
        raise error


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EIO])
def test_what_a_disk_says_through_tensorflow_is_a_disks(number, tmp_path):
    dataset = Dataset("made", {}, "table")
    with (
        pytest.raises(OSError, match="events") as told,
        outside.named(work_of(tmp_path, dataset, Cluster())),
    ):
        raise tf.errors.UnknownError(
            None, None, f"events.out: {os.strerror(number)}"
        )
    assert told.value.errno == number


def test_a_connection_without_room_is_a_peers(tmp_path):
    place, dataset = Cluster(("a:1", "b:1"), 1), Dataset("made", {}, "table")
    with (
        pytest.raises(ClusterError, match="larger than max"),
        outside.named(work_of(tmp_path, dataset, place)),
    ):
        raise tf.errors.ResourceExhaustedError(
            None, None, "Received message larger than max"
        )
