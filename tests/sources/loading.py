"""How tests load a source, and how they read what it refuses."""

import gzip
import os
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import settings

from trainer import sources
from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import mnist
from trainer.sources import Split

# A busy machine is no failure.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
X = np.arange(40, dtype=np.float32).reshape(20, 2)
Y = np.arange(20) % 2
IMAGES = np.arange(6 * 2 * 3, dtype=np.uint8).reshape(6, 2, 3)
CLASSES = np.arange(6, dtype=np.uint8)
FOUR_BYTES = struct.pack(">BBBBI", 0, 0, 8, 1, 4) + bytes(4)

HEADER = "size,colour,kind\n"
ROWS = "".join(
    f"{i},{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(20)
)


def load(source, data_dir=None, *, seed=1, encoding=None, **changes):
    config = DataConfig(source=source, **changes)
    return sources.load(
        config,
        seed=seed,
        data_dir=data_dir and os.fspath(data_dir),
        encoding=encoding,
    )


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


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


def save(folder, how, **arrays):
    folder.mkdir(exist_ok=True)
    if how == "npz":
        np.savez_compressed(folder / "mine.npz", **arrays)
    else:
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
    return folder


def idx_bytes(array):
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    return (
        header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    )


def write_idx(folder, *, suffix=".gz", dot=False, classes=CLASSES):
    folder.mkdir(parents=True, exist_ok=True)
    for (_, axis), (name, _) in mnist.FILES.items():
        content = idx_bytes(IMAGES if axis == "x" else classes)
        name = name.replace("-idx", ".idx") if dot else name
        content = gzip.compress(content) if suffix else content
        (folder / (name + suffix)).write_bytes(content)
    return folder
