"""Windows of chunks that are read ahead: their sizes, and the rows in them."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from trainer.input import pipeline
from trainer.input import windows
from trainer.sources import Split
from trainer.sources.streamed_rows import Blocks
from trainer.sources.streamed_rows import StreamedRows


@pytest.fixture(autouse=True, scope="module")
def staging(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("staging")
        patch.setenv("STRATA_STAGING_DIR", str(folder))
        yield


def streamed(array, block_rows, cache_bytes, asked=None):
    """The array, in blocks; `asked` gets what each fetch was for."""
    starts = np.append(np.arange(0, len(array), block_rows), len(array))

    def fetch(start, stop):
        if asked is not None:
            asked.append((start, stop))
        return array[starts[start] : starts[stop]]

    return StreamedRows(
        Blocks("made", array.shape[1:], array.dtype, starts, fetch, readers=2),
        cache_bytes,
    )


@pytest.mark.parametrize(
    ("block_rows", "chunks", "first", "most"),
    [
        (100, 99, [1, 2, 4], 10),  # more rows than blocks from 8 chunks on
        (1000, 99, [], 10),  # fewer blocks than a chunk has rows
        (1, 99, [1, 2, 4, 8], 10),
        (100, 3, [1, 2], 3),
    ],
)
def test_windows_grow_up_to_the_bound(
    monkeypatch, block_rows, chunks, first, most
):
    monkeypatch.setattr(windows, "WINDOW_BYTES", 10 * 64 * (3 + 8))
    rows = streamed(np.zeros((50_000, 3), np.uint8), block_rows, 0)
    assert windows.sizes(rows, 64, chunks) == (first, most)


@pytest.mark.slow
@given(
    plan=st.builds(
        pipeline.Plan,
        examples=st.just(40) | st.just(37),
        global_batch_size=st.integers(1, 16),
        replicas=st.just(2),
        most_steps=st.integers(1, 4),
        total_steps=st.integers(1, 12),
        seed=st.integers(0, 9) | st.none(),
        cuts=st.lists(st.integers(1, 9), max_size=1).map(tuple),
    ),
    dtype=st.sampled_from(["uint8", "float32", "int64"]),
    block_rows=st.integers(1, 9),
    kept=st.integers(0, 5),
    window=st.integers(1, 4),
    first_step=st.integers(0, 5),
    worker=st.integers(0, 1),
)
@settings(max_examples=15)
def test_chunks_are_those_of_the_array(
    plan, dtype, block_rows, kept, window, first_step, worker
):
    x = np.arange(50 * 3).reshape(50, 3).astype(dtype)
    rows = None if plan.examples == 40 else np.arange(50)[::-1][:37]
    y = np.arange(50)
    x_rows = streamed(x, block_rows, kept * block_rows * x[:1].nbytes)
    chunk = plan.most_steps * plan.replica_batch_size * x[:1].nbytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "WINDOW_BYTES", window * chunk)
        ours, theirs = (
            pipeline.chunks(
                Split(each, y, rows),
                plan,
                first_step=first_step,
                context=tf.distribute.InputContext(2, worker, 2),
            ).as_numpy_iterator()
            for each in (x_rows, x)
        )
        for one, other in itertools.zip_longest(ours, theirs):
            np.testing.assert_equal(one, other)


def test_a_window_is_read_once_for_all_its_chunks():
    x = np.arange(640).reshape(-1, 1)
    asked = []
    rows = streamed(x, 10, 0, asked)
    plan = pipeline.Plan(640, 64, 10, 1, 1, seed=1)
    stream = pipeline.chunks(
        Split(rows, np.arange(640)),
        plan,
        first_step=0,
        context=tf.distribute.InputContext(1, 0, 1),
    )
    for chunk in stream.as_numpy_iterator():
        np.testing.assert_array_equal(chunk["x"][..., 0], chunk["y"])
    assert len(asked) == 64  # each block once, though none was kept
