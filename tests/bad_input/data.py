"""Mistakes in the data."""

import gzip
import os
import pathlib
import struct
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from tests.bad_input.row import DIGITS
from tests.bad_input.row import returning
from tests.bad_input.row import Row
from tests.bad_input.row import text_file
from trainer.sources import mnist
from trainer.sources import npy

X = np.arange(16, dtype=np.float32).reshape(8, 2)
Y = np.arange(8) % 2


def arrays(**changes: object) -> Callable:
    """Makes data.npz, good but for the changes; None leaves an array out."""

    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        named = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y}
        named |= changes
        kept: dict = {
            k: np.asarray(v) for k, v in named.items() if v is not None
        }
        np.savez(here / "data.npz", **kept)

    return make


def idx_bytes(dimensions: tuple[int, ...]) -> bytes:
    header = struct.pack(">BBBB", 0, 0, 8, len(dimensions))
    sizes = struct.pack(f">{len(dimensions)}I", *dimensions)
    return header + sizes + bytes(int(np.prod(dimensions)))


def digits_in_idx(**changes: bytes) -> Callable:
    """Makes MNIST's four files, of two images each, but for the changes."""

    def make(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
        for (split, axis), (name, dimensions) in mnist.FILES.items():
            good = idx_bytes((2, 28, 28)[:dimensions])
            (here / name).write_bytes(changes.get(f"{axis}_{split}", good))

    return make


def not_the_original(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    digits_in_idx()(here, patch)
    originals = {"train-images-idx3-ubyte": (2, "0" * 64)}
    patch.setattr(mnist, "MNIST_ORIGINALS", originals)


def torn_gzip(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    digits_in_idx()(here, patch)
    name = "train-images-idx3-ubyte"
    whole = gzip.compress((here / name).read_bytes())
    (here / f"{name}.gz").write_bytes(whole[:-12])


def pickled_npz(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    ragged = np.array([[1, 2], [3]], dtype=object)
    np.savez(here / "data.npz", x_train=ragged, y_train=Y[:2])


def pickled_npy(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    np.save(here / "x_train.npy", np.array([[1, 2], [3]], dtype=object))
    np.save(here / "y_train.npy", Y[:2])


def truncated_npy(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    np.save(here / "x_train.npy", X)
    np.save(here / "y_train.npy", Y)
    os.truncate(here / "x_train.npy", 150)


def folder_for_a_file(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    (here / "x_train.npy").mkdir()
    np.save(here / "y_train.npy", Y)


def compressed_bomb(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(npy, "MAX_NPZ_BYTES", 2**20)
    zeros = np.zeros((2**18, 2))
    np.savez_compressed(here / "data.npz", x_train=zeros, y_train=zeros)


def announced_bomb(here: pathlib.Path, patch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(here / "data.npz", "w") as archive:
        for key in ("x_train", "y_train"):
            archive.writestr(f"{key}.npy", b"")
            archive.getinfo(f"{key}.npy").file_size = 2**35


FILES = "--config={config} --data_dir={here} --workdir={here}/run"
OWN = returning(
    "Config(steps=1, data=DataConfig(source='files'),"
    " model=ModelConfig(hidden_units=()))"
)
MNIST = "--config=mnist --data_dir={here} --workdir={here}/run"


def of_files(name: str, words: tuple[str, ...], make, flags: str = "") -> Row:
    return Row(name, f"{FILES} {flags}", words, make, config=OWN)


DATA = [
    Row(
        "folder for a source without files",
        f"{DIGITS} --data_dir={{here}}",
        ("--data_dir=", "'digits'", "ships inside"),
    ),
    Row(
        "no folder",
        "--config={config} --workdir={here}/run",
        ("--data_dir is not set", "x_train.npy"),
        config=OWN,
    ),
    Row(
        "missing folder",
        "--config={config} --data_dir={here}/no --workdir={here}/run",
        ("/no does not exist",),
        config=OWN,
    ),
    Row(
        "file for a folder",
        "--config={config} --data_dir={here}/a.npy --workdir={here}/run",
        ("a.npy is not a folder",),
        make=text_file("a.npy"),
        config=OWN,
    ),
    of_files(
        "nothing to scale by",
        ("config.data.normalization='scale'", "largest", "standardize"),
        arrays(),
        "--config.data.normalization=scale",
    ),
    of_files("empty folder", ("no .npz, no .npy and no .csv",), None),
    of_files(
        "ragged CSV",
        ("own.csv: line 3 has 1 cells", "the header has 2"),
        text_file("own.csv", "a,y\n1,0\n2\n"),
    ),
    of_files(
        "unknown target",
        ("config.data.target='z' is no column of", "did you mean 'y'?"),
        text_file("own.csv", "a,y\n1,0\n2,1\n"),
        "--config.data.target=z",
    ),
    Row(
        "a target without a CSV",
        f"{DIGITS} --config.data.target=digit",
        ("config.data.target='digit' is for columns of a table",),
    ),
    of_files(
        "NaN in the features",
        ("x_train", "nan in row 3", "must be finite"),
        arrays(x_train=np.where(X == 6, np.nan, X)),
    ),
    of_files(
        "infinity in the features",
        ("x_test", "inf in row 3", "must be finite"),
        arrays(x_test=np.where(X == 6, np.inf, X)),
    ),
    of_files(
        "NaN in the targets",
        ("y_train", "nan in row 1"),
        arrays(y_train=np.where(Y, np.nan, Y / 2), y_test=Y / 2),
    ),
    of_files("ragged rows in an npz", ("x_train", "ragged"), pickled_npz),
    of_files("ragged rows in an npy", ("x_train.npy", "never"), pickled_npy),
    of_files(
        "features of text",
        ("x_train", "dtype str", "must be integers or floats"),
        arrays(x_train=X.astype(str)),
    ),
    of_files(
        "complex features",
        ("x_train", "complex64"),
        arrays(x_train=X.astype(np.complex64)),
    ),
    of_files(
        "other features in the test split",
        ("x_test", "(3,)", "x_train has (2,)"),
        arrays(x_test=np.ones((8, 3), np.float32)),
    ),
    of_files(
        "other labels in the test split",
        ("y_test", "(2,)", "y_train has ()"),
        arrays(y_test=np.ones((8, 2), int)),
    ),
    of_files(
        "a label too few",
        ("x_train has 8 rows", "y_train has 7"),
        arrays(y_train=Y[:7]),
    ),
    of_files("no rows", ("x_train has no rows",), arrays(x_train=X[:0])),
    of_files("no labels", ("lacks y_train",), arrays(y_train=None)),
    of_files("no file of that kind", ("data.npz",), text_file("data.npz", "x")),
    of_files("truncated npy", ("x_train.npy", "truncated"), truncated_npy),
    of_files("folder for an npy", ("x_train.npy",), folder_for_a_file),
    of_files("compressed bomb", ("inflate", "1048576"), compressed_bomb),
    of_files("announced bomb", ("inflate", f"{2**36}"), announced_bomb),
    Row(
        "empty folder for MNIST",
        MNIST,
        ("train-images-idx3-ubyte", "must hold"),
    ),
    Row(
        "truncated IDX",
        MNIST,
        ("train-labels-idx1-ubyte", "truncated"),
        digits_in_idx(y_train=idx_bytes((2,))[:-1]),
    ),
    Row(
        "no IDX",
        MNIST,
        ("t10k-images-idx3-ubyte", "begins with 0x3c68746d"),
        digits_in_idx(x_test=b"<html>nothing is here</html>"),
    ),
    Row(
        "torn gzip of IDX",
        MNIST,
        ("train-images-idx3-ubyte.gz", "whole copy"),
        torn_gzip,
    ),
    Row("wrong checksum of IDX", MNIST, ("wrong checksum",), not_the_original),
]
