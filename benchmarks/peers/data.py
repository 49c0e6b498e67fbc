"""MNIST's four files, and what every program is asked and says."""

import gzip
import json
import os
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# The variable that asks a program to take its epochs in turn with others.
IN_TURN = "STRATA_BENCH_IN_TURN"
# Before the seconds of an epoch that was taken in turn.
MARK = "@epoch "


class Asked(NamedTuple):
    """The command line."""

    data_dir: pathlib.Path
    epochs: int
    seed: int


def asked() -> Asked:
    """Reads the command line."""
    data_dir, epochs, seed = sys.argv[1:]
    return Asked(pathlib.Path(data_dir), int(epochs), int(seed))


class Epochs:
    """Times a program's epochs; takes them in turn where it is asked to.

    Then it waits for a line on stdin before each epoch, and tells its seconds
    after it.
    """

    def __init__(self) -> None:
        """Begins the fit, which lasts until `end_fit`."""
        self._in_turn = IN_TURN in os.environ
        self.secs: list[float] = []
        self.fit_secs = 0.0
        self._fit_began = time.perf_counter()

    def begin(self) -> None:
        if self._in_turn:
            sys.stdin.readline()
        self._began = time.perf_counter()

    def end(self) -> None:
        self.secs.append(time.perf_counter() - self._began)
        if self._in_turn:
            print(f"{MARK}{self.secs[-1]}", flush=True)

    def end_fit(self) -> None:
        self.fit_secs = time.perf_counter() - self._fit_began

    def each(self, count: int) -> Iterator[int]:
        """Yields numbers, each an epoch that lasts until the next is wanted."""
        for number in range(count):
            self.begin()
            yield number
            self.end()
        self.end_fit()


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


def tell(epochs: Epochs, accuracy: float) -> None:
    """Prints what was found, as the last line."""
    found = {
        "epoch_secs": epochs.secs,
        "fit_secs": epochs.fit_secs,
        "accuracy": accuracy,
    }
    print(json.dumps(found))
