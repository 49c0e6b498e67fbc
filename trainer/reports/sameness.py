"""Which rows are the same: duplicates, leaks between splits, conflicts.

Rows are told apart by hashes of 64 bits, so an array of any size needs 8 bytes
a row; of ten million different rows, two are taken for the same with a chance
of 3 in a million.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.dataset import Rows
from trainer.sources.splits import of_examples

BLOCK_BYTES = 16 * 2**20


def blocks_of(array: Rows) -> Iterator[np.ndarray]:
    """Yields an array's rows, which may be mapped, some 16 MiB at a time."""
    size = max(BLOCK_BYTES // max(array[:1].nbytes, 1), 1)
    for start in range(0, len(array), size):
        yield np.asarray(array[start : start + size])


def hash_rows(array: np.ndarray) -> np.ndarray:
    """Returns uint64 [rows], the same for rows of the same bits.

    Args:
      array: numbers [rows, ...]; -0.0 counts as 0.0.
    """
    return np.concatenate([_hash(block) for block in blocks_of(array)])


def _hash(block: np.ndarray) -> np.ndarray:
    if block.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # of a signalling NaN
            block = block + block.dtype.type(0)  # which makes 0.0 of -0.0
    flat = np.ascontiguousarray(block).reshape(len(block), -1)
    columns = flat.view(np.uint8).reshape(len(flat), -1)
    padded = np.zeros((len(flat), -(-columns.shape[1] // 8) * 8), np.uint8)
    padded[:, : columns.shape[1]] = columns
    words = padded.view(np.uint64)
    # Each place has a number of its own, so that their order counts.
    places = _mixed(np.arange(1, words.shape[1] + 1, dtype=np.uint64))
    return _mixed(_mixed(words ^ places).sum(axis=1, dtype=np.uint64))


def _mixed(words: np.ndarray) -> np.ndarray:
    """Mixes the bits of uint64 words by SplitMix64 (Steele et al. 2014)."""
    words = (words + np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def compare(dataset: Dataset) -> dict[str, Any]:
    """Counts rows that are the same but for the label.

    Args:
      dataset: in its splits.

    Returns:
      {"duplicates": {split: rows that repeat one of the split's}, "leaks":
      {"train, test": rows of the second that the first has too}, "conflicts":
      rows for which the same row has another label, in any split}.
    """
    x = _of_splits(dataset, "x")
    y = _of_splits(dataset, "y")
    return {
        "duplicates": {k: len(h) - len(np.unique(h)) for k, h in x.items()},
        "leaks": {
            f"{first}, {second}": int(np.isin(x[second], x[first]).sum())
            for first, second in itertools.combinations(x, 2)
        },
        "conflicts": _conflicts(
            np.concatenate(list(x.values())), np.concatenate(list(y.values()))
        ),
    }


def _of_splits(dataset: Dataset, key: str) -> dict[str, np.ndarray]:
    """Returns each split's hashes; an array that splits share is read once."""
    known: dict[int, np.ndarray] = {}

    def of(split: Split) -> np.ndarray:
        array = getattr(split, key)
        if id(array) not in known:
            known[id(array)] = hash_rows(array)
        return of_examples(split, known[id(array)])

    return {name: of(split) for name, split in dataset.splits.items()}


def _conflicts(x: np.ndarray, y: np.ndarray) -> int:
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    first = np.flatnonzero(np.r_[True, x[1:] != x[:-1]])
    sizes = np.diff(np.r_[first, len(x)])
    # Sorted, labels of one row differ where the first and last do.
    return int(sizes[y[first] != y[first + sizes - 1]].sum())
