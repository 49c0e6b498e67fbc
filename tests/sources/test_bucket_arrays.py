"""Arrays in a bucket: read by ranges, and the same as a local folder's."""

import io

import numpy as np
import pytest

from tests.faults import bucket as buckets
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import save
from trainer import sources
from trainer.config import DataConfig
from trainer.input import normalization
from trainer.process.exits import ClusterError
from trainer.sources import bucket_arrays
from trainer.sources.streamed_rows import StreamedRows

pytestmark = buckets.needs_client
DATA = f"gs://{buckets.BUCKET}/data"
X = np.random.default_rng(0).integers(0, 256, (500, 8, 8), np.uint8)
Y = np.arange(500) % 10


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A bucket of which an array of more than 1,000 bytes is streamed."""
    from google.cloud.storage import retry

    monkeypatch.setattr(bucket_arrays, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(bucket_arrays, "BLOCK_BYTES", 640)
    monkeypatch.setattr(bucket_arrays, "GAP_BYTES", 640)
    monkeypatch.setattr(bucket_arrays, "MOST_BYTES", 2560)
    at_once = retry.DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.001)
    monkeypatch.setattr(
        retry, "DEFAULT_RETRY", at_once.with_timeout(timeout=1.0)
    )
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


def put(server, **arrays):
    for key, array in arrays.items():
        file = io.BytesIO()
        np.save(file, array, allow_pickle=True)
        server.put(f"data/{key}.npy", file.getvalue())


def unkept():
    """The data of the bucket, none of which is kept."""
    return sources.load(
        DataConfig(source="files"), seed=1, data_dir=DATA, cache_gib=0
    )


def test_a_bucket_holds_the_data_that_a_folder_does(server, tmp_path):
    arrays = {
        "x_train": X,
        "y_train": Y,
        "x_test": X[:9],
        "y_test": Y[:9],
    }
    put(server, **arrays)
    local = load("files", save(tmp_path / "data", "npy", **arrays))
    found = load("files", DATA)
    assert isinstance(found.splits["train"].x, StreamedRows)
    assert isinstance(found.splits["test"].x, np.ndarray)
    assert found.folder == DATA
    assert (found.name, found.kind, found.largest) == ("data", "image", 255)
    assert sources.fingerprint(found) == sources.fingerprint(local)
    for kind in ("auto", "standardize"):
        ours, theirs = (
            normalization.fit_normalization(kind, dataset)
            for dataset in (found, local)
        )
        np.testing.assert_equal(ours.arrays(), theirs.arrays())
    index = np.random.default_rng(1).integers(0, 500, (3, 50))
    np.testing.assert_array_equal(found.splits["train"].x[index], X[index])


def test_no_more_is_read_than_is_asked_for(server):
    put(server, x_train=np.zeros((10**6, 64), np.uint8), y_train=Y[:1])
    server.put("data/other.npy", b"not looked at")
    folder = bucket_arrays.Folder(DATA)
    rows = bucket_arrays.open_array(
        folder, "x_train.npy", cache_bytes=10**6, is_whole=False
    )
    rows.take(np.array([0, 500_000, 999_999]))
    parts = [last + 1 - first for _, first, last in server.ranges]
    assert max(parts) <= bucket_arrays.npy.HEADER_BYTES
    assert sum(parts[1:]) == 3 * 640
    assert {name for name, _, _ in server.ranges} == {"data/x_train.npy"}


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "float32", "float64"]
)
def test_rows_of_any_type_and_shape_are_as_stored(server, dtype):
    x = X.astype(dtype).reshape(500, 4, 16)
    put(server, x_train=x, y_train=Y)
    found = load("files", DATA, test_fraction=0.3)
    expected = x.view(np.uint8) if dtype == "bool" else x
    split = found.splits["train"]
    np.testing.assert_array_equal(
        split.x[split.rows], expected[split.rows], strict=True
    )


def test_a_read_that_fails_or_is_cut_is_tried_again(server):
    put(server, x_train=X, y_train=Y)
    found = unkept()
    server.faults = ["cut", 503, "cut", 429, 500, "cut"]
    np.testing.assert_array_equal(found.splits["train"].x[:], X)
    assert not server.faults


def test_a_bucket_that_fails_for_good_is_no_mistake_of_the_users(server):
    put(server, x_train=X, y_train=Y)
    found = unkept()
    server.refusing = 503
    with pytest.raises(ClusterError, match="data cannot be reached"):
        found.splits["train"].x[:]


@pytest.mark.parametrize("becomes", ["other", "the same", "gone"])
def test_data_that_change_meanwhile_are_told(server, becomes):
    put(server, x_train=X, y_train=Y)
    found = unkept()
    if becomes == "gone":
        del server.objects["data/x_train.npy"]
    else:
        put(server, x_train=X if becomes == "the same" else X + 1)
    line = refusal(found.splits["train"].x.take, np.arange(500))
    assert line.startswith(f"{DATA}/x_train.npy was written anew or removed")


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.asfortranarray(X), "in Fortran's order"),
        (np.array([{}] * 500), "holds pickled Python objects"),
        (X.astype(">i4"), "in another machine's byte order"),
        (X[:400], "x_train has 400 rows and y_train has 500"),
        (np.zeros((500, 0)), "no features"),
    ],
)
def test_what_a_folder_refuses_a_bucket_does(server, x, words):
    put(server, x_train=x, y_train=Y)
    assert words in refusal(load, "files", DATA)


def test_half_an_array_and_a_misspelt_one_are_told(server):
    put(server, x_train=X, y_trian=Y)
    assert "did you mean y_train" in refusal(load, "files", DATA)
    put(server, y_train=Y)
    del server.objects["data/y_trian.npy"]
    whole = server.objects["data/x_train.npy"].data
    server.put("data/x_train.npy", whole[:-1])
    assert "it is truncated or damaged" in refusal(load, "files", DATA)
    server.put("data/x_train.npy", b"")
    assert "cannot be read" in refusal(load, "files", DATA)


def test_an_npz_is_still_fetched_whole(server):
    file = io.BytesIO()
    np.savez(file, x_train=X, y_train=Y)
    server.put("data/mine.npz", file.getvalue())
    assert isinstance(load("files", DATA).splits["train"].x, np.ndarray)
