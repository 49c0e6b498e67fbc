"""MNIST's four files, and what every program is asked and says."""

import gzip
import json
import pathlib
import sys
from typing import NamedTuple

import numpy as np


class Asked(NamedTuple):
    """The command line."""

    data_dir: pathlib.Path
    epochs: int
    seed: int


def asked() -> Asked:
    """Reads the command line."""
    data_dir, epochs, seed = sys.argv[1:]
    return Asked(pathlib.Path(data_dir), int(epochs), int(seed))


def load(folder: pathlib.Path) -> list[np.ndarray]:
    """Returns training images and labels, test images and labels, as stored."""
    names = [
        f"{split}-{kind}-ubyte"
        for split in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ]
    return [_read(folder, name) for name in names]


def _read(folder: pathlib.Path, name: str) -> np.ndarray:
    path = folder / name
    if path.exists():
        data = path.read_bytes()
    else:
        data = gzip.decompress((folder / f"{name}.gz").read_bytes())
    sizes = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def rows(images: np.ndarray) -> np.ndarray:
    """Returns float32 [rows, 784] in [0, 1]."""
    return images.reshape(len(images), -1).astype("float32") / 255


def tell(epoch_secs: list[float], fit_secs: float, accuracy: float) -> None:
    """Prints what was found, as the last line."""
    found = {
        "epoch_secs": epoch_secs,
        "fit_secs": fit_secs,
        "accuracy": accuracy,
    }
    print(json.dumps(found))
