"""A fingerprint tells data apart, and reads little of it."""

import dataclasses

import numpy as np

from tests.sources.loading import dataset_of
from tests.sources.loading import X
from tests.sources.loading import Y
from trainer import sources
from trainer.sources.splits import hold_out


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
