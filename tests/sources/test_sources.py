"""Sources: what they load, how rows are held out, what they refuse."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import os
import struct
import threading
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from trainer import sources
from trainer.config import DataConfig
from trainer.config.values import rules
from trainer.process.exits import UserError
from trainer.sources import checks
from trainer.sources import Dataset
from trainer.sources import idx
from trainer.sources import mnist
from trainer.sources import npy
from trainer.sources import Split
from trainer.sources.splits import hold_out

# A busy machine is no failure.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
X = np.arange(40, dtype=np.float32).reshape(20, 2)
Y = np.arange(20) % 2
FOUR_BYTES = struct.pack(">BBBBI", 0, 0, 8, 1, 4) + bytes(4)


def load(source, data_dir=None, *, seed=1, **changes):
    config = DataConfig(source=source, **changes)
    return sources.load(
        config, seed=seed, data_dir=data_dir and os.fspath(data_dir)
    )


def dataset_of(y, x=None):
    x = np.zeros((len(y), 1), np.uint8) if x is None else x
    return Dataset("made", {"train": Split(x, y)}, kind="table")


def rows_of(dataset, name):
    split = dataset.splits[name]
    return np.arange(len(split.x)) if split.rows is None else split.rows


def refusal(call, *args, **kwargs):
    """Returns the one line with which a call is refused."""
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    line = str(caught.value)
    assert "\n" not in line
    return line


# What is loaded.


def test_every_source_of_the_config_has_a_loader():
    named = set(rules()["data.source"].choices)
    assert named == sources.SHIPPED.keys() | sources.READ.keys()


@pytest.mark.parametrize(
    ("source", "shape", "x_dtype", "y_shape", "y_dtype", "largest"),
    [
        ("digits", (1797, 8, 8), "uint8", (), "int64", 16),
        ("digits_attributes", (1797, 8, 8), "uint8", (4,), "uint8", 16),
        ("digits_ink", (1797, 4, 8), "uint8", (), "float32", 16),
        ("breast_cancer", (569, 30), "float64", (), "int64", None),
        ("wine", (178, 13), "float64", (), "int64", None),
        ("diabetes", (442, 10), "float64", (), "float64", None),
    ],
)
def test_shipped(source, shape, x_dtype, y_shape, y_dtype, largest):
    dataset = load(source, validation_fraction=0.1)
    assert list(dataset.splits) == ["train", "validation", "test"]
    assert dataset.name == source
    assert dataset.kind == ("image" if largest else "table")
    assert dataset.largest == largest
    assert "scikit-learn" in dataset.origin
    for split in dataset.splits.values():
        assert split.x is dataset.splits["train"].x
        assert (split.x.shape, split.x.dtype) == (shape, x_dtype)
        assert split.labels().shape == (split.examples, *y_shape)
        assert split.labels().dtype == y_dtype
    if y_dtype == "int64":
        classes = np.unique(dataset.splits["train"].y).tolist()
        assert classes == list(range(len(dataset.class_names)))


def test_digits_attributes_follow_from_the_digit():
    marks = load("digits_attributes").splits["train"].y
    digits = load("digits").splits["train"].y
    # Even, closed loop, more than four, prime.
    wanted = {
        0: [1, 1, 0, 0],
        4: [1, 0, 0, 0],
        7: [0, 0, 1, 1],
        9: [0, 1, 1, 0],
    }
    for digit, marks_of_digit in wanted.items():
        assert (marks[digits == digit] == marks_of_digit).all()


def test_digits_ink_can_be_learned_and_is_bounded():
    from sklearn.linear_model import Ridge

    splits = load("digits_ink").splits
    assert 0 <= splits["train"].y.min() < splits["train"].y.max() <= 1
    train_x, test_x = (
        splits[name].x[splits[name].rows].reshape(-1, 32) / 16
        for name in ("train", "test")
    )
    model = Ridge().fit(train_x, splits["train"].labels())
    assert model.score(test_x, splits["test"].labels()) > 0.7


def test_a_folder_is_refused_by_sources_that_need_none(tmp_path):
    assert "--data_dir" in refusal(load, "digits", tmp_path)


# Holding out.

LABELS = st.one_of(
    st.lists(st.integers(0, 4), min_size=2, max_size=60),
    st.lists(st.integers(-100, 100), min_size=2, max_size=60),
).map(np.array)
FRACTIONS = st.floats(0.01, 0.99)
SEEDS = st.integers(0, 2**31 - 1)


@UNTIMED
@given(LABELS, FRACTIONS, FRACTIONS, SEEDS)
def test_every_row_is_in_exactly_one_split(y, test, validation, seed):
    dataset = hold_out(dataset_of(y), "test", fraction=test, seed=0)
    if dataset.splits["train"].examples > 1:
        dataset = hold_out(
            dataset, "validation", fraction=validation, seed=seed
        )
    parts = [rows_of(dataset, name) for name in dataset.splits]
    assert all(len(rows) for rows in parts)
    assert all((np.diff(rows) > 0).all() for rows in parts)
    assert sorted(np.concatenate(parts)) == list(range(len(y)))


@UNTIMED
@given(LABELS, FRACTIONS, SEEDS)
def test_each_class_is_held_out_to_within_one_row(y, fraction, seed):
    dataset = hold_out(dataset_of(y), "test", fraction=fraction, seed=seed)
    test = dataset.splits["test"]
    assert abs(test.examples - fraction * len(y)) <= 1
    for label, count in zip(*np.unique(y, return_counts=True), strict=True):
        held = (test.labels() == label).sum()
        assert abs(held - count * test.examples / len(y)) < 1


def test_each_row_of_many_small_classes_has_the_same_chance():
    # Nine classes of one row each and one of 21: a tenth of either, not of the
    # large one alone.
    y = np.array([*range(9), *[9] * 21])
    held = np.zeros(30)
    for seed in range(2000):
        split = hold_out(dataset_of(y), "test", fraction=0.1, seed=seed)
        held[split.splits["test"].rows] += 1
    assert held.sum() == 3 * 2000
    # The standard deviation of each is 13.
    np.testing.assert_allclose(held, 200, atol=60)


@pytest.mark.parametrize("source", ["digits", "digits_attributes", "diabetes"])
def test_validation_follows_the_seed_and_test_does_not(source):
    one, again, other = (
        load(source, seed=seed, validation_fraction=0.2) for seed in (1, 1, 2)
    )
    for name in one.splits:
        assert (rows_of(one, name) == rows_of(again, name)).all()
    assert (rows_of(one, "test") == rows_of(other, "test")).all()
    assert (rows_of(one, "validation") != rows_of(other, "validation")).any()


def test_the_rows_held_out_are_those_of_every_version():
    # A resumed run must hold out what it held out before: if this fails, runs
    # of the last release can no longer go on.
    dataset = hold_out(dataset_of(Y), "test", fraction=0.2, seed=42)
    assert rows_of(dataset, "test").tolist() == [0, 3, 4, 17]


def test_nothing_is_held_out_at_fraction_0():
    dataset = load("digits")
    assert set(dataset.splits) == {"train", "test"}


def test_one_row_cannot_be_split():
    line = refusal(
        hold_out, dataset_of(Y[:1]), "validation", fraction=0.5, seed=0
    )
    assert "config.data.validation_fraction=0.5" in line


# Fingerprints.


def test_fingerprint_tells_arrays_apart():
    base = dataset_of(Y, X)
    train = base.splits["train"]
    others = [
        dataset_of(Y, X + 1),
        dataset_of(1 - Y, X),
        dataset_of(Y, X.astype(np.float64)),
        dataset_of(Y, X.reshape(20, 1, 2)),
        dataset_of(Y, X.view(np.int32)),
        dataclasses.replace(base, splits={"test": train}),
        dataclasses.replace(base, splits={"train": train, "test": train}),
        hold_out(base, "test", fraction=0.2, seed=0),
        hold_out(base, "test", fraction=0.2, seed=1),
    ]
    prints = {sources.fingerprint(dataset) for dataset in [base, *others]}
    assert len(prints) == 1 + len(others)
    assert all(len(bytes.fromhex(digest)) == 32 for digest in prints)
    assert sources.fingerprint(dataset_of(Y, X.copy())) in prints


def test_fingerprint_is_quick_on_a_map_of_32_gb(tmp_path):
    x = np.lib.format.open_memmap(
        tmp_path / "x.npy", "w+", np.uint8, (32_000_000, 1000)
    )  # sparse: takes no room on the disk
    y = np.zeros(len(x), np.uint8)
    assert len(sources.fingerprint(dataset_of(y, x))) == 64


# The user's own arrays.


def save(folder, how, **arrays):
    folder.mkdir(exist_ok=True)
    if how == "npz":
        np.savez_compressed(folder / "mine.npz", **arrays)
    else:
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
    return folder


@pytest.mark.parametrize("how", ["npz", "npy"])
def test_own_arrays_are_read_as_stored(tmp_path, how):
    folder = save(
        tmp_path / "mine",
        how,
        x_train=X,
        y_train=Y,
        x_test=X[:4] + 1,
        y_test=Y[:4],
        x_validation=X[:6] + 2,
        y_validation=Y[:6],
        feature_names=np.array(["a", "b"]),
    )
    dataset = load("files", folder, validation_fraction=0.5)
    assert dataset.name == "mine"
    assert dataset.kind == "table" and dataset.largest is None
    assert list(dataset.splits) == ["train", "validation", "test"]
    for name, x in (
        ("train", X),
        ("test", X[:4] + 1),
        ("validation", X[:6] + 2),
    ):
        split = dataset.splits[name]
        assert split.rows is None
        assert isinstance(split.x, np.memmap) == (how == "npy")
        np.testing.assert_array_equal(split.x, x, strict=True)
        np.testing.assert_array_equal(split.y, Y[: len(x)], strict=True)


def test_own_arrays_without_a_test_split_get_one(tmp_path):
    folder = save(tmp_path, "npy", x_train=X, y_train=Y)
    dataset = load("files", folder, test_fraction=0.3)
    assert dataset.splits["train"].examples == 14
    assert dataset.splits["test"].labels().sum() == 3


def test_string_labels_become_classes_and_booleans_numbers(tmp_path):
    folder = save(
        tmp_path,
        "npz",
        x_train=X > 7,
        y_train=np.array(["no", "yes"])[Y],
        x_test=X > 7,
        y_test=np.array(["absent"] * 20),
    )
    dataset = load("files", folder)
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert dataset.class_names == ("absent", "no", "yes")
    assert train.y.tolist() == (Y + 1).tolist() and not test.y.any()
    assert train.x.dtype == np.uint8
    assert train.x.tolist() == (X > 7).astype(int).tolist()


@pytest.mark.parametrize(
    ("shape", "dtype", "most", "guess", "largest"),
    [
        ((20, 8, 8), "uint8", 200, "image", 255),
        ((20, 8, 8), "uint8", 16, "image", 16),
        ((20, 8, 8), "uint8", 1, "image", 1),
        ((20, 8, 8, 3), "int64", 255, "image", 255),
        ((20, 8, 8), "uint16", 60000, "image", None),
        ((20, 8, 8), "float32", 1, "image", 1),
        ((20, 8, 8), "float32", 255, "image", None),
        ((20, 8, 8), "float32", -1, "image", None),
        ((20, 64), "uint8", 17, "image", 255),
        ((20, 64), "uint8", 16, "table", None),
        ((20, 63), "uint8", 255, "table", None),
        ((20, 64), "float32", 1, "table", None),
    ],
)
def test_images_are_told_from_tables(
    tmp_path, shape, dtype, most, guess, largest
):
    x = np.zeros(shape, dtype)
    x[-1].flat[-1] = most
    dataset = load("files", save(tmp_path, "npy", x_train=x, y_train=Y))
    assert (dataset.kind, dataset.largest) == (guess, largest)


def test_a_folder_larger_than_memory_is_mapped(tmp_path):
    np.lib.format.open_memmap(
        tmp_path / "x_train.npy", "w+", np.uint8, (200_000, 1_000_000)
    )  # 200 GB, sparse: takes no room on the disk
    np.save(tmp_path / "y_train.npy", np.arange(200_000) % 2)
    dataset = load("files", tmp_path, validation_fraction=0.1)
    assert dataset.splits["train"].examples == 144_000


def write_zip(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def npy_bytes(array, **header):
    """An .npy file's bytes, with a header of its own where one is given."""
    file = io.BytesIO()
    if not header:
        np.save(file, array)
        return file.getvalue()
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + array.tobytes()


HUGE_HEADER = {"descr": "<f8", "fortran_order": False, "shape": (2**50, 8)}
GOOD: dict[str, Any] = {"x_train": X, "y_train": Y}


def bad_folder(folder, case):
    """Makes the folder that `case` names: see REFUSED."""
    folder = folder / "mine"
    folder.mkdir()
    match case:
        case "missing":
            return folder / "absent"
        case "a file":
            (folder / "mine.npz").write_bytes(b"")
            return folder / "mine.npz"
        case "both":
            save(folder, "npy", **GOOD)
            save(folder, "npz", **GOOD)
        case "two npz":
            save(folder, "npz", **GOOD)
            np.savez(folder / "more.npz", **GOOD)
        case "no y_train":
            save(folder, "npy", x_train=X)
        case "no train":
            save(folder, "npz", x_test=X, y_test=Y)
        case "no y_test":
            save(folder, "npz", **GOOD, x_test=X)
        case "misspelt":
            save(folder, "npz", **GOOD, x_tets=X, y_tets=Y)
        case "pickled npy":
            save(folder, "npy", x_train=np.array([[1], [2, 3]], object))
            np.save(folder / "y_train.npy", Y[:2])
        case "pickled npz":
            save(folder, "npz", x_train=np.array([{}], object), y_train=Y[:1])
        case "truncated npy":
            save(folder, "npy", **GOOD)
            (folder / "x_train.npy").write_bytes(npy_bytes(X)[:-1])
        case "truncated npz":
            whole = save(folder, "npz", **GOOD) / "mine.npz"
            whole.write_bytes(whole.read_bytes()[:-30])
        case "not npy":
            save(folder, "npy", **GOOD)
            (folder / "x_train.npy").write_text("1,2,3")
        case "unreadable npy":
            save(folder, "npy", y_train=Y)
            (folder / "x_train.npy").mkdir()
        case "huge header in npz":
            write_zip(
                folder / "mine.npz",
                x_train=npy_bytes(X, **HUGE_HEADER),
                y_train=npy_bytes(Y),
            )
        case "huge header in npy":
            save(folder, "npy", **GOOD)
            (folder / "x_train.npy").write_bytes(npy_bytes(X, **HUGE_HEADER))
    return folder


REFUSED = {
    "missing": "does not exist",
    "a file": "is not a folder",
    "empty": "no .npz, no .npy and no .csv",
    "both": "not both",
    "two npz": "mine.npz, more.npz",
    "no y_train": "lacks y_train",
    "no train": "lacks x_train",
    "no y_test": "lacks y_test",
    "misspelt": "did you mean x_test",
    "pickled npy": "x_train.npy holds pickled",
    "pickled npz": "mine.npz: x_train holds pickled",
    "truncated npy": "x_train.npy has",
    "truncated npz": "mine.npz cannot be read",
    "not npy": "x_train.npy cannot be read",
    "unreadable npy": "x_train.npy cannot be read",
    "huge header in npz": "mine.npz: x_train has",
    "huge header in npy": "x_train.npy has",
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_files_are_refused(tmp_path, case):
    line = refusal(load, "files", bad_folder(tmp_path, case))
    assert REFUSED[case] in line


def test_files_needs_a_folder():
    assert "--data_dir" in refusal(load, "files")


def test_an_npz_bomb_is_refused_before_it_is_inflated(tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "MAX_NPZ_BYTES", 10**6)
    save(tmp_path, "npz", x_train=np.zeros((2000, 1000)), y_train=Y)
    monkeypatch.setattr(np.lib.format, "read_array", None)
    assert "1000000" in refusal(load, "files", tmp_path)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path):
    # The directory says 1,000 bytes less than are packed.
    path = tmp_path / "mine.npz"
    content = npy_bytes(np.zeros((200, 2)))
    write_zip(path, x_train=content, y_train=npy_bytes(Y))
    size, lie = (
        struct.pack("<I", n) for n in (len(content), len(content) - 1000)
    )
    path.write_bytes(path.read_bytes().replace(size, lie))
    assert "mine.npz" in refusal(load, "files", tmp_path)


@settings(UNTIMED, max_examples=200)
@given(st.data())
def test_damaged_files_are_read_or_refused_never_worse(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    how = data.draw(st.sampled_from(["npz", "npy"]))
    save(folder, how, x_train=X[:3], y_train=Y[:3])
    path = folder / ("mine.npz" if how == "npz" else "x_train.npy")
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        assert load("files", folder).splits["train"].examples
    except UserError as error:
        assert "\n" not in str(error)


# What is checked of every source.


def spoiled(**changes):
    arrays = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, **changes}
    splits = {
        name: Split(arrays[f"x_{name}"], arrays[f"y_{name}"])
        for name in ("train", "test")
    }
    return Dataset("made", splits, kind="table")


NAN = np.where(X == 7, np.nan, X)
INFINITE = np.where(X == 39, np.inf, X)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": X[:0], "y_train": Y[:0]}, "x_train has no rows"),
        ({"x_test": X[:0], "y_test": Y[:0]}, "x_test has no rows"),
        ({"y_test": Y[:19]}, "x_test has 20 rows and y_test has 19"),
        ({"x_train": X.astype(object)}, "ragged"),
        ({"x_train": X.astype(str)}, "x_train has dtype str"),
        ({"y_train": Y.astype("S1")}, "y_train has dtype bytes"),
        ({"x_train": X.astype(complex)}, "complex128"),
        ({"x_train": Y.astype("M8[s]")[:, None]}, "datetime64"),
        ({"x_train": X.astype(np.longdouble)}, "longdouble"),
        ({"x_train": X.astype(">f4")}, "byte order"),
        ({"x_train": X[:, 0]}, "reshape(-1, 1)"),
        ({"x_train": X[:, :0]}, "no features"),
        ({"x_train": X[0, 0]}, "shape ()"),
        ({"y_train": Y.reshape(20, 1, 1)}, "[rows, outputs]"),
        ({"y_train": Y.reshape(20, 1)[:, :0]}, "[rows, outputs]"),
        ({"x_test": X[:, :1]}, "x_test has rows of shape (1,)"),
        ({"x_test": X.astype(int)}, "x_test has dtype integer"),
        ({"y_test": Y[:, None]}, "y_test has rows of shape (1,)"),
        ({"y_test": Y.astype(np.uint8)}, "y_test has dtype uint8"),
        ({"x_train": NAN}, "x_train has nan in row 3"),
        ({"x_test": INFINITE}, "x_test has inf in row 19"),
        ({"y_train": NAN[:, 1], "y_test": X[:, 1]}, "y_train has nan in row 3"),
        ({"x_train": NAN.astype(np.float16)}, "x_train has nan in row 3"),
    ],
)
def test_bad_arrays_are_refused(changes, words):
    if "longdouble" in words:
        words = np.dtype(np.longdouble).name
    line = refusal(checks.check, spoiled(**changes))
    assert line.startswith("made: ") and words in line


def test_good_arrays_pass():
    checks.check(spoiled(x_test=X.astype(np.float64)))


def test_load_checks_what_it_loads(tmp_path):
    folder = save(tmp_path, "npz", x_train=NAN, y_train=Y)
    assert "mine: x_train has nan in row 3" in refusal(load, "files", folder)


def test_large_maps_are_scanned_in_part(monkeypatch):
    monkeypatch.setattr(checks, "BLOCK_BYTES", 16)
    assert "row 3" in refusal(checks.check, spoiled(x_train=NAN))
    # Ten blocks of two rows, of which three are read: 0, 4 and 9.
    monkeypatch.setattr(checks, "SCAN_BYTES", 48)
    checks.check(spoiled(x_train=NAN))
    assert "row 19" in refusal(checks.check, spoiled(x_train=INFINITE))


# MNIST's format.


def idx_bytes(array):
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    return (
        header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    )


IMAGES = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3)
CLASSES = np.arange(6, dtype=np.uint8)


def write_idx(folder, *, suffix=".gz", dot=False, classes=CLASSES):
    folder.mkdir(parents=True, exist_ok=True)
    for (_, axis), (name, _) in mnist.FILES.items():
        content = idx_bytes(IMAGES if axis == "x" else classes)
        name = name.replace("-idx", ".idx") if dot else name
        content = gzip.compress(content) if suffix else content
        (folder / (name + suffix)).write_bytes(content)
    return folder


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


# Keras's cache, and downloads from a server of our own.


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serves what is in the folder it returns, and counts the requests."""
    folder = tmp_path / "served"
    write_idx(folder)
    np.savez(
        folder / "mnist.npz",
        x_train=IMAGES,
        y_train=CLASSES,
        x_test=IMAGES,
        y_test=CLASSES,
    )

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requests.append(self.path)

    requests: list[str] = []
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(mnist, "BASE_URL", url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    sha256 = hashlib.sha256((folder / "mnist.npz").read_bytes())
    monkeypatch.setattr(mnist, "MNIST_NPZ_SHA256", sha256.hexdigest())
    md5 = {
        name: hashlib.md5((folder / name).read_bytes()).hexdigest()
        for name in mnist.FASHION_MD5
    }
    monkeypatch.setattr(mnist, "FASHION_MD5", md5)
    yield folder, requests
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("source", "cached", "downloads"),
    [
        ("mnist", "mnist.npz", 1),
        ("fashion_mnist", "fashion-mnist/t10k-labels-idx1-ubyte.gz", 4),
    ],
)
def test_downloads_once(served, tmp_path, capsys, source, cached, downloads):
    _, requests = served
    for _ in range(2):
        dataset = load(source)
        np.testing.assert_array_equal(dataset.splits["test"].x, IMAGES)
    assert len(requests) == downloads
    path = tmp_path / "keras" / "datasets" / cached
    assert path.exists()
    assert not list(path.parent.glob(".*"))
    assert f"downloading {path.name}: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
def test_a_bad_download_is_refused_and_not_kept(served, tmp_path, source):
    folder, _ = served
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes() + b"!")
    line = refusal(load, source)
    assert "wrong checksum" in line and mnist.REMEDY in line
    files = [p for p in (tmp_path / "keras").rglob("*") if p.is_file()]
    assert not files


def test_a_damaged_cache_is_fetched_again(served, tmp_path):
    path = tmp_path / "keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert load("mnist").splits["test"].examples == 6
    assert path.read_bytes() != b"damaged"


def test_no_network_says_which_files_to_put_where(served, monkeypatch):
    monkeypatch.setattr(mnist, "BASE_URL", "http://127.0.0.1:9/")
    for source in ("mnist", "fashion_mnist"):
        line = refusal(load, source)
        assert "cannot be downloaded" in line and "--data_dir" in line
        assert mnist.FILE_NAMES in line


def test_a_folder_given_is_all_that_is_looked_at(served, tmp_path):
    _, requests = served
    load("mnist")
    requests.clear()
    (tmp_path / "empty").mkdir()
    assert "has no train-images" in refusal(load, "mnist", tmp_path / "empty")
    assert not requests
