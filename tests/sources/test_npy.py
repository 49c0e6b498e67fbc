"""Arrays of one's own: what is read, and what is refused."""

import io
import shutil
import struct
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import save
from tests.sources.loading import UNTIMED
from tests.sources.loading import X
from tests.sources.loading import Y
from trainer import sources
from trainer.process.exits import UserError
from trainer.sources import npy
from trainer.tables.given import as_array


def test_each_row_in_memory_stands_in_one_piece(tmp_path):
    turned = np.asfortranarray(X)
    save(tmp_path, "npz", x_train=turned, y_train=Y)
    read = load("files", tmp_path).splits["train"].x
    for array in read, as_array("x", turned):
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, X)


def test_an_npz_is_named_itself_or_by_its_folder(tmp_path):
    folder = save(tmp_path, "npz", x_train=X, y_train=Y)
    by_folder = load("files", folder)
    shutil.copy(folder / "mine.npz", folder / "yours.npz")
    assert "or name an .npz itself" in refusal(load, "files", folder)
    by_file = load("files", folder / "mine.npz")
    assert by_folder.name == by_file.name == "mine"
    assert sources.fingerprint(by_folder) == sources.fingerprint(by_file)
    assert by_file.folder == str(folder / "mine.npz")


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
    ("y", "names"),
    [
        (np.array([b"no", b"yes"])[Y], ("no", "yes")),
        (
            np.array(["new  york", " new york\xa0", "ro\u200bme\ufeff"])[Y * 2],
            ("new york", "rome"),
        ),
        (Y == 1, ("False", "True")),
    ],
)
def test_classes_are_called_by_their_plain_names(tmp_path, y, names):
    dataset = load("files", save(tmp_path, "npz", x_train=X, y_train=y))
    assert dataset.class_names == names
    assert dataset.splits["train"].y.max() == 1


@pytest.mark.parametrize(
    ("train", "test", "kinds"),
    [
        (Y == 1, Y, "int64 and y_train has bool"),
        (np.array(["n", "y"])[Y], Y, "int64 and y_train has str32"),
        (Y, np.array(["n", "y"])[Y], "str32 and y_train has int64"),
    ],
)
def test_labels_of_several_kinds_are_called_so(tmp_path, train, test, kinds):
    arrays = {"x_train": X, "y_train": train, "x_test": X, "y_test": test}
    line = refusal(load, "files", save(tmp_path, "npz", **arrays))
    assert f"y_test has dtype {kinds}; all splits must be alike" in line


def test_truths_beside_numbers_of_8_bits_are_alike(tmp_path):
    arrays = {"x_train": X, "y_train": Y == 1, "x_test": X}
    folder = save(tmp_path, "npz", **arrays, y_test=Y.astype(np.uint8))
    assert load("files", folder).splits["test"].y.dtype == np.uint8


@pytest.mark.parametrize("columns", [2, 4])
def test_names_of_several_labels_a_row_are_refused(tmp_path, columns):
    names = np.array(["n", "y"])[np.stack([Y] * columns, axis=1)]
    arrays = {"x_train": X, "x_test": X, "y_test": names[:, :1]}
    folder = save(tmp_path, "npz", **arrays, y_train=names[:, :1])
    assert load("files", folder).class_names == ("n", "y")
    line = refusal(
        load, "files", save(tmp_path, "npz", **arrays, y_train=names)
    )
    assert f"y_train has texts in rows of shape ({columns},); labels" in line


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
            save(folder, "npy", **GOOD)
            return folder / "x_train.npy"
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
