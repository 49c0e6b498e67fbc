"""A fingerprint tells data apart, and reads little of it."""

import dataclasses

import numpy as np
import pytest

from tests.sources.loading import dataset_of
from tests.sources.loading import X
from tests.sources.loading import Y
from trainer import sources
from trainer.config import Config
from trainer.process.exits import UserError
from trainer.sources.splits import hold_out
from trainer.train import record
from trainer.workdir.folder import Workdir


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


def test_rows_between_those_of_a_fingerprint_tell_data_apart(
    tmp_path, monkeypatch
):
    x, y = np.zeros((500, 2), np.float32), np.arange(500) % 2
    changed_x, changed_y = x.copy(), y.copy()
    changed_x[4, 1] = 1
    changed_y[4] = 1
    others = [dataset_of(y, changed_x), dataset_of(changed_y, x)]
    found = [dataset_of(y, x), *others]
    assert len({sources.fingerprint(each) for each in found}) == 1
    told = [sources.rows_sha256(each)["train"] for each in found]
    assert len(set(told)) == 3
    noted = {"fingerprint": "f", "rows_sha256": {"train": told[0]}}
    monkeypatch.setattr(Workdir, "read_json", lambda *_: {"data": noted})
    workdir = Workdir(str(tmp_path))
    workdir.check_data("f", {"train": told[0], "test": told[1]})
    with pytest.raises(UserError, match="belongs to other data"):
        workdir.check_data("f", {"train": told[1]})


def test_workers_of_other_rows_do_not_train_together():
    first, second = (
        record.facts(Config(), "f", {"train": sha256}) for sha256 in "ab"
    )
    assert [name for name in first if first[name] != second[name]] == ["data"]


def test_fingerprint_is_quick_on_a_map_of_32_gb(tmp_path):
    x = np.lib.format.open_memmap(
        tmp_path / "x.npy", "w+", np.uint8, (32_000_000, 1000)
    )  # sparse: takes no room on the disk
    y = np.zeros(len(x), np.uint8)
    assert len(sources.fingerprint(dataset_of(y, x))) == 64
    assert len(sources.rows_sha256(dataset_of(y, x))["train"]) == 64
