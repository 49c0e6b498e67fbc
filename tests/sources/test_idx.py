"""MNIST and its like, from files in a folder."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.sources.loading import CLASSES
from tests.sources.loading import FOUR_BYTES
from tests.sources.loading import IMAGES
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import rows_of
from tests.sources.loading import write_idx
from trainer.sources import idx
from trainer.sources import mnist


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dot", [False, True])
def test_idx_files_of_ones_own(tmp_path, source, suffix, dot):
    dataset = load(source, write_idx(tmp_path, suffix=suffix, dot=dot))
    for split in dataset.splits.values():
        np.testing.assert_array_equal(split.x, IMAGES, strict=True)
        np.testing.assert_array_equal(split.y, CLASSES, strict=True)
    assert len(dataset.class_names) == 10 and dataset.largest == 255


def test_more_classes_than_the_originals_have_no_names(tmp_path):
    dataset = load("mnist", write_idx(tmp_path, classes=CLASSES + 5))
    assert dataset.class_names == ()


WHOLE = gzip.compress(FOUR_BYTES, mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a", FOUR_BYTES[:-1], "truncated"),
        ("a", FOUR_BYTES + b"!", "more bytes"),
        ("a", b"", "begins with"),
        ("a", FOUR_BYTES[:6], "begins with"),
        ("a", b"\0\0\x0d\1" + FOUR_BYTES[4:], "begins with 0x00000d01"),
        ("a", b"\0\0\x08\3" + FOUR_BYTES[4:], "must with 0x00000801"),
        ("a", struct.pack(">BBBBI", 0, 0, 8, 1, 0), "1 or more"),
        ("a", WHOLE, "begins with 0x1f8b"),
        ("a.gz", WHOLE[:-1], "cannot be read"),
        ("a.gz", WHOLE[:14] + b"!" + WHOLE[15:], "cannot be read"),
        ("a.gz", WHOLE + b"!", "cannot be read"),
        ("a.gz", FOUR_BYTES, "cannot be read"),
        ("a.gz", gzip.compress(FOUR_BYTES[:-1], mtime=0), "truncated"),
        ("a.gz", gzip.compress(FOUR_BYTES + b"!", mtime=0), "more bytes"),
    ],
)
def test_bad_idx_is_refused(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    line = refusal(idx.read_idx, path, 1)
    assert words in line and str(path) in line


def test_a_gzip_bomb_is_never_inflated(tmp_path, monkeypatch):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(FOUR_BYTES + bytes(10**7)))
    read_bytes = []
    read = gzip.GzipFile.read

    def count(file, size):
        read_bytes.append(size)
        return read(file, size)

    monkeypatch.setattr(gzip.GzipFile, "read", count)
    assert "more bytes" in refusal(idx.read_idx, path, 1)
    assert sum(read_bytes) <= len(FOUR_BYTES) + 10
    monkeypatch.setattr(idx, "MAX_BYTES", 3)
    assert "the most is 3" in refusal(idx.read_idx, path, 1)


def test_the_header_alone_allocates_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(struct.pack(">BBBBI", 0, 0, 8, 1, 2**32 - 1) + bytes(9))
    assert "truncated" in refusal(idx.read_idx, path, 1)


def test_another_file_of_the_originals_length_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(FOUR_BYTES)
    good = hashlib.sha256(FOUR_BYTES).hexdigest()
    assert idx.read_idx(path, 1, (4, good)).tolist() == [0, 0, 0, 0]
    assert idx.read_idx(path, 1, (5, "0")).tolist() == [0, 0, 0, 0]
    assert "wrong checksum" in refusal(idx.read_idx, path, 1, (4, "0" * 64))


def test_a_missing_idx_file_is_named(tmp_path):
    folder = write_idx(tmp_path / "idx")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    line = refusal(load, "mnist", folder)
    assert "has no t10k-labels-idx1-ubyte" in line
    assert "train-images-idx3-ubyte" in line


def test_images_and_labels_must_be_as_many(tmp_path):
    folder = write_idx(tmp_path, classes=CLASSES[:5])
    assert "6 rows and y_train has 5" in refusal(load, "mnist", folder)


@pytest.fixture
def mnist_dir():
    if "STRATA_DATA_DIR" not in os.environ:
        pytest.skip("STRATA_DATA_DIR is not set: the folder of MNIST's files")
    return Path(os.environ["STRATA_DATA_DIR"])


def test_mnist_is_mnist(mnist_dir):
    dataset = load("mnist", mnist_dir, validation_fraction=0.1)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert train.y[:4].tolist() == [5, 0, 4, 1]
    assert (train.x.shape, train.x.dtype) == ((60_000, 28, 28), np.uint8)
    assert test.rows is None and test.examples == 10_000
    assert (train.examples, len(rows_of(dataset, "validation"))) == (
        54_000,
        6000,
    )


def test_a_changed_pixel_of_mnist_is_found(mnist_dir, tmp_path):
    for name, _ in mnist.FILES.values():
        content = gzip.decompress((mnist_dir / f"{name}.gz").read_bytes())
        if name == "t10k-images-idx3-ubyte":
            content = content[:-1] + b"\1"
        (tmp_path / name).write_bytes(content)
    line = refusal(load, "mnist", tmp_path)
    assert "t10k-images-idx3-ubyte has the wrong checksum" in line
