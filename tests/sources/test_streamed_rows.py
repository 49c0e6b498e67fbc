"""Rows that are read by blocks: the same ones, in bounded room."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.process.exits import UserError
from trainer.sources import block_cache
from trainer.sources.streamed_rows import Blocks
from trainer.sources.streamed_rows import StreamedRows

DTYPES = ("uint8", "int16", "float32", "float64", "uint64")


class Stored:
    """Rows in blocks of some sizes, and what was fetched of them."""

    def __init__(self, sizes, dtype="uint8", row=(2, 3)):
        self.starts = np.cumsum([0, *sizes])
        count = int(self.starts[-1]) * int(np.prod(row))
        self.array = np.arange(count).astype(dtype).reshape(-1, *row)
        self.fetched = []

    def rows(self, cache_bytes=2**30, most_blocks=1, gap_blocks=0, fetch=None):
        return StreamedRows(
            Blocks(
                name="made",
                row=self.array.shape[1:],
                dtype=self.array.dtype,
                starts=self.starts,
                fetch=fetch or self._fetch,
                most_blocks=most_blocks,
                gap_blocks=gap_blocks,
                readers=3,
            ),
            cache_bytes,
        )

    def _fetch(self, start, stop):
        self.fetched.append((start, stop))
        return self.array[self.starts[start] : self.starts[stop]]


@pytest.fixture(autouse=True, scope="module")
def staging(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("staging")
        patch.setenv("STRATA_STAGING_DIR", str(folder))
        yield folder


@given(
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=12),
    dtype=st.sampled_from(DTYPES),
    row=st.sampled_from([(1,), (5,), (2, 3)]),
    most_blocks=st.integers(1, 5),
    gap_blocks=st.integers(0, 3),
    kept=st.integers(0, 12),
    data=st.data(),
)
def test_rows_are_those_of_the_array_in_any_order(
    sizes, dtype, row, most_blocks, gap_blocks, kept, data
):
    stored = Stored(sizes, dtype, row)
    block_bytes = max(sizes) * stored.array[:1].nbytes
    rows = stored.rows(kept * block_bytes, most_blocks, gap_blocks)
    places = st.integers(0, len(stored.array) - 1)
    for index in data.draw(st.lists(st.lists(places, max_size=30), max_size=4)):
        found = rows.take(np.array(index, np.int64))
        np.testing.assert_array_equal(found, stored.array[index], strict=True)
    for start, stop in stored.fetched:
        assert 0 < stop - start <= most_blocks
    assert rows._cache.most_bytes <= kept * block_bytes


def test_it_is_indexed_as_an_array_is():
    stored = Stored([4, 4, 2])
    rows, array = stored.rows(), stored.array
    assert (rows.shape, rows.dtype, rows.ndim) == (array.shape, "uint8", 3)
    assert (rows.size, rows.nbytes, len(rows)) == (60, 60, 10)
    odd = np.arange(10) % 2 == 1
    for key in (0, -1, slice(2, 7), slice(None, None, -3), odd):
        np.testing.assert_array_equal(rows[key], array[key], strict=True)
    key = np.array([[1, -2], [9, 0]])
    np.testing.assert_array_equal(rows[key], array[key])
    for place in (10, -11):
        with pytest.raises(IndexError, match="made has 10 rows"):
            rows[place]


def test_what_is_kept_is_not_fetched_again():
    stored = Stored([2] * 6)
    rows = stored.rows()
    rows.take(np.arange(12))
    stored.fetched.clear()
    rows.take(np.array([11, 0, 5]))
    assert not stored.fetched


def test_those_go_first_that_were_used_the_longest_ago():
    stored = Stored([1] * 6)
    rows = stored.rows(cache_bytes=3 * 6)
    for block in (0, 1, 2, 0, 3):  # 1 makes room for 3
        rows.take(np.array([block]))
    stored.fetched.clear()
    rows.take(np.array([0, 2, 3]))
    assert not stored.fetched
    rows.take(np.array([1]))
    assert stored.fetched == [(1, 2)]


def test_the_cache_never_takes_more_of_the_disk(staging):
    stored = Stored([100] * 50, row=(1000,))
    rows = stored.rows(cache_bytes=7 * 100_000)
    order = np.random.default_rng(0).permutation(5000)
    for index in np.array_split(order, 10):
        rows.take(index)
    file = rows._cache._file
    file.seek(0, 2)
    assert file.tell() == 7 * 100_000
    assert not list(staging.iterdir())  # it has no name, and so is left by none


def test_near_blocks_are_fetched_together():
    stored = Stored([1] * 20)
    rows = stored.rows(most_blocks=8, gap_blocks=2)
    rows.take(np.array([0, 3, 7, 8, 9, 12, 19]))
    assert sorted(stored.fetched) == [(0, 4), (7, 13), (19, 20)]


def test_a_failure_is_kept_for_who_asks_and_the_rows_can_be_read_again():
    stored = Stored([1] * 100)
    failures = [UserError("gone")]

    def fetch(start, stop):
        if failures:
            raise failures.pop()
        return stored.array[start:stop]

    rows = stored.rows(fetch=fetch)
    with pytest.raises(UserError, match="gone"):
        rows.take(np.arange(100))
    assert isinstance(rows.failure, UserError)
    np.testing.assert_array_equal(rows.take(np.arange(100)), stored.array)


def test_a_disk_that_is_full_is_told(monkeypatch):
    stored = Stored([1] * 3)
    rows = stored.rows()
    monkeypatch.setattr(block_cache.os, "pwrite", lambda *_: 1)
    with pytest.raises(OSError, match="No space left"):
        rows.take(np.arange(3))


def test_a_staging_folder_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STRATA_STAGING_DIR", str(tmp_path / "file/x"))
    with pytest.raises(UserError, match="name another by STRATA_STAGING_DIR"):
        Stored([1]).rows()
