"""Parquet shards: the rows of all of them, in order, by row groups."""

import itertools
import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.faults import bucket as buckets
from tests.sources.loading import load
from tests.sources.loading import refusal
from trainer import sources
from trainer.config import DataConfig
from trainer.reports import inspect
from trainer.sources import parquet_shards
from trainer.sources.streamed_rows import StreamedRows

X = np.random.default_rng(0).integers(0, 256, (90, 8, 8), np.uint8)
Y = np.arange(90) % 10
# First rows of the shards.
CUTS = [0, 40, 41, 90]


def tensors(x):
    return pa.FixedShapeTensorArray.from_numpy_ndarray(x)


def lists(x):
    return pa.array(x.reshape(len(x), -1).tolist())


def write(folder, x=X, y=Y, *, how=tensors, split="train", groups=7):
    folder.mkdir(exist_ok=True)
    for number, (start, stop) in enumerate(itertools.pairwise(CUTS)):
        table = pa.table({"y": y[start:stop], "x": how(x[start:stop])})
        name = f"{split}-{number:05}-of-00003.parquet"
        parquet.write_table(table, folder / name, row_group_size=groups)
    return folder


@pytest.fixture
def streamed(monkeypatch, tmp_path):
    monkeypatch.setattr(parquet_shards, "WHOLE_BYTES", 0)
    monkeypatch.setenv("STRATA_STAGING_DIR", str(tmp_path / "staging"))


def test_shards_hold_what_arrays_do(streamed, tmp_path):
    (tmp_path / "npy").mkdir()
    for name, array in (("x_train", X), ("y_train", Y)):
        np.save(tmp_path / f"npy/{name}.npy", array)
    arrays = load("files", tmp_path / "npy")
    found = load("files", write(tmp_path / "shards"))
    train = found.splits["train"]
    assert isinstance(train.x, StreamedRows)
    assert (found.name, found.kind, found.largest) == ("shards", "image", 255)
    assert sources.fingerprint(found) == sources.fingerprint(arrays)
    order = np.random.default_rng(1).permutation(90)
    np.testing.assert_array_equal(train.x[order], X[order], strict=True)
    np.testing.assert_array_equal(train.y, Y)
    assert train.x.block_count == 6 + 1 + 7


def test_shards_are_inspected_as_arrays_are(tmp_path, capsys):
    folder = write(tmp_path / "s")
    assert inspect.main([str(folder), "--format=json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["source"]) == ("image", "arrays")
    assert sum(found["rows"].values()) == 90
    assert found["values"]["greatest"] == X.max()


def test_lists_are_flat_rows_and_small_shards_are_held(tmp_path):
    folder = write(tmp_path / "s", X / 255, how=lists)
    write(folder, X / 255, how=lists, split="test")
    found = load("files", folder)
    train, test = found.splits["train"], found.splits["test"]
    assert isinstance(train.x, np.ndarray)
    assert found.kind == "table"
    np.testing.assert_array_equal(train.x, (X / 255).reshape(90, 64))
    assert test.examples == 90


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (np.array(["oak", "elm"])[Y % 2], ("elm", "oak")),
        (Y % 2 == 1, ("False", "True")),
    ],
)
def test_labels_are_names_or_truths_too(tmp_path, y, names):
    found = load("files", write(tmp_path / "s", y=y))
    assert found.class_names == names


@buckets.needs_client
def test_shards_in_a_bucket_are_the_same_and_read_in_part(
    streamed, monkeypatch, tmp_path
):
    folder = write(tmp_path / "data")
    local = load("files", folder)
    with buckets.emulated(monkeypatch, tmp_path / "staging") as server:
        for path in folder.iterdir():
            server.put(f"data/{path.name}", path.read_bytes())
        place = f"gs://{buckets.BUCKET}/data"
        config = DataConfig(source="files")
        found = sources.load(config, seed=1, data_dir=place, cache_gib=0)
        assert sources.fingerprint(found) == sources.fingerprint(local)
        x = found.splits["train"].x
        server.ranges.clear()
        np.testing.assert_array_equal(x[np.array([40])], X[[40]])
        assert {n for n, _, _ in server.ranges} == {
            "data/train-00001-of-00003.parquet"
        }
        for name in server.names():
            server.put(name, server.objects[name].data)
        line = refusal(x.take, np.arange(90))
        assert "was written anew or removed while it is read" in line


@pytest.mark.parametrize(
    "kind",
    [pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.utf8())],
    ids=str,
)
def test_labels_are_texts_of_any_type(tmp_path, kind):
    """Pandas writes texts as large ones, and its categories as numbers."""
    y = pa.array(["no", "yes", "no"]).cast(kind)
    table = pa.table({"y": y, "x": lists(X[:3])})
    parquet.write_table(table, tmp_path / "train-0.parquet")
    found = load("files", tmp_path)
    assert found.class_names == ("no", "yes")
    assert found.splits["train"].y.tolist() == [0, 1, 0]


def other_rows(folder):
    table = pa.table({"y": Y, "x": lists(X[:, :4])})
    parquet.write_table(table, folder / "train-9.parquet")


def another_column(folder):
    table = pa.table({"y": Y, "x": lists(X), "z": Y})
    parquet.write_table(table, folder / "train-9.parquet")


def ragged(folder):
    table = pa.table({"y": [0, 1], "x": [[1, 2], [3]]})
    parquet.write_table(table, folder / "train-0.parquet")


def no_numbers(folder):
    table = pa.table(
        {"y": [0, 1], "x": pa.array([[], []], pa.list_(pa.int8()))}
    )
    parquet.write_table(table, folder / "train-0.parquet")


def other_labels(folder):
    table = pa.table({"y": [*"abc"] * 3, "x": lists(X[:9])})
    parquet.write_table(table, folder / "train-9.parquet")


def labels_of_more_outputs(folder):
    table = pa.table({"y": [[0.5, 1.0]] * 9, "x": lists(X[:9])})
    parquet.write_table(table, folder / "train-9.parquet")


def gaps(folder):
    table = pa.table({"y": [0, None], "x": lists(X[:2])})
    parquet.write_table(table, folder / "train-0.parquet")


def texts(folder):
    table = pa.table({"y": [0, 1], "x": ["a", "b"]})
    parquet.write_table(table, folder / "train-0.parquet")


def days(folder):
    y = pa.array([0, 1], pa.int32()).cast(pa.date32())
    table = pa.table({"y": y, "x": lists(X[:2])})
    parquet.write_table(table, folder / "train-0.parquet")


def no_texts(folder):
    buffers = pa.array([b"caf\xe9"] * 2).buffers()
    y = pa.Array.from_buffers(pa.string(), 2, buffers)
    table = pa.table({"y": y, "x": lists(X[:2])})
    parquet.write_table(table, folder / "train-0.parquet")


def torn(folder):
    (folder / "train-9.parquet").write_bytes(b"PAR1")


def empty(folder):
    for path in folder.iterdir():
        path.unlink()
    table = pa.table({"y": Y[:0], "x": lists(X)[:0]})
    parquet.write_table(table, folder / "train-0.parquet")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            other_rows,
            "train-9.parquet has rows of int64 (32,), and train-",
        ),
        (another_column, "has the columns y, x, z; shards must have x"),
        (ragged, "x has lists of 1 and of 2 numbers"),
        (no_numbers, "train-0.parquet: x has lists of 0 numbers; each row"),
        (other_labels, "train-9.parquet has labels of texts (), and train-0"),
        (
            labels_of_more_outputs,
            "train-9.parquet has labels of float64 (2,), and",
        ),
        (gaps, "y has rows without a value"),
        (no_texts, "train-0.parquet: y holds bytes that are no UTF-8"),
        (texts, "x is of string; x must be lists of numbers a row"),
        (days, "y is of date32[day]; x must be lists of numbers a row, and y"),
        (torn, "train-9.parquet cannot be read"),
        (empty, "train-0.parquet has no rows"),
    ],
)
def test_what_is_no_shard_is_told(tmp_path, spoil, words):
    folder = write(tmp_path / "s", how=lists)
    spoil(folder)
    assert words in refusal(load, "files", folder)


def test_row_groups_that_take_too_much_memory_are_refused(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(parquet_shards, "MOST_GROUP_BYTES", 6 * 64)
    line = refusal(load, "files", write(tmp_path / "s"))
    assert "a row group of 7 rows, 448 bytes unpacked" in line
    assert "row_group_size=262144)" in line


def test_arrays_beside_shards_are_refused(tmp_path):
    folder = write(tmp_path / "shards")
    np.save(folder / "x_train.npy", X)
    line = refusal(load, "files", folder)
    assert "shards or arrays, not both; move one" in line


def test_a_single_table_is_no_shard(tmp_path):
    parquet.write_table(pa.table({"a": Y, "b": Y}), tmp_path / "train.parquet")
    assert load("files", tmp_path).encoding is not None


@pytest.mark.parametrize(
    "name", ["a.tfrecord", "train.tfrecord-00000-of-00010", "a.TFRecords"]
)
def test_records_are_refused_with_a_remedy(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0" * 20)
    line = refusal(load, "files", tmp_path)
    assert "is TFRecord, in which no row is found" in line
    assert "write its rows as .npy files or Parquet shards" in line


@buckets.needs_client
def test_records_in_a_bucket_are_refused_before_any_is_fetched(
    monkeypatch, tmp_path
):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as server:
        server.put("data/a.tfrecord", b"\0" * 20)
        line = refusal(load, "files", f"gs://{buckets.BUCKET}/data")
    assert "is TFRecord" in line
    assert not (tmp_path / "staging").exists()
