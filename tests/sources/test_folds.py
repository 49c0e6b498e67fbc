"""Folds: each row is held out once, groups whole, classes even, order kept."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import sources
from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.sources.folds import hold_out_fold
from trainer.sources.splits import hold_out


def folds_of(split, folds, *, seed=0, **how):
    """Returns (training rows, held-out rows) of each fold."""
    dataset = Dataset("data", {"train": split}, "table")
    found = []
    for fold in range(folds):
        held = hold_out_fold(dataset, folds=folds, fold=fold, seed=seed, **how)
        found.append(tuple(s.rows for s in held.splits.values()))
    return found


@given(
    labels=st.lists(st.integers(0, 3), min_size=6, max_size=60),
    folds=st.integers(2, 6),
)
def test_each_row_is_held_out_once_and_classes_are_even(labels, folds):
    y = np.array(labels)
    found = folds_of(Split(np.zeros((len(y), 1)), y), folds)
    every = np.concatenate([held for _, held in found])
    assert sorted(every) == list(range(len(y)))
    for train, held in found:
        assert not set(train) & set(held)
        assert len(train) + len(held) == len(y)
        counts = np.bincount(y[held], minlength=4)
        assert (abs(counts - np.bincount(y, minlength=4) / folds) < 1).all()


@given(
    labels=st.lists(st.integers(0, 3), min_size=6, max_size=60),
    folds=st.integers(2, 6),
)
def test_classes_are_even_however_they_are_stored(labels, folds):
    y = np.array([*labels, labels[0]])
    x = np.zeros((len(y), 1))
    wanted = folds_of(Split(x, y), folds, keeps_classes=True)
    for stored in (y.astype(float), y[:, None], np.eye(4)[y]):
        found = folds_of(Split(x, stored), folds, keeps_classes=True)
        for ours, theirs in zip(found, wanted, strict=True):
            for rows, others in zip(ours, theirs, strict=True):
                assert rows.tolist() == others.tolist()


@given(
    numbers=st.lists(st.integers(0, 9), min_size=4, max_size=60),
    folds=st.integers(2, 4),
)
def test_groups_stay_whole(numbers, folds):
    groups = np.array([*numbers, 96, 97, 98, 99])
    y = np.arange(len(groups)) % 2
    split = Split(np.zeros((len(groups), 1)), y, groups=groups)
    found = folds_of(split, folds, keeps_classes=True)
    every = np.concatenate([held for _, held in found])
    assert sorted(every) == list(range(len(groups)))
    for train, held in found:
        assert not set(groups[train]) & set(groups[held])


@given(
    orders=st.lists(st.integers(0, 99), min_size=6, max_size=60),
    folds=st.integers(2, 5),
)
def test_nothing_is_learnt_from_later_rows(orders, folds):
    order = np.array(orders)
    split = Split(np.zeros((len(order), 1)), order % 2, orders=order)
    before = 0
    for train, held in folds_of(split, folds):
        assert len(held)
        assert order[train].max() <= order[held].min()
        assert len(train) > before
        before = len(train)


def test_the_last_rows_in_the_order_are_held_out():
    order = np.array([3, 1, 2, 0, 4])
    split = Split(np.zeros((5, 1)), np.arange(5) % 2, orders=order)
    dataset = Dataset("data", {"train": split}, "table")
    held = hold_out(dataset, "test", fraction=0.4, seed=0, keeps_classes=True)
    assert held.splits["test"].rows.tolist() == [0, 4]
    held = hold_out(held, "validation", fraction=0.4, seed=0)
    assert held.splits["validation"].rows.tolist() == [2]


def test_a_lone_row_of_a_class_stays_in_training():
    y = np.array([0] * 6 + [1])
    found = folds_of(Split(np.zeros((7, 1)), y), 3, keeps_classes=True)
    assert all(1 in y[train] for train, _ in found)


def test_rows_that_are_each_a_class_cannot_be_held_out():
    split = Split(np.zeros((4, 1)), np.arange(4))
    with pytest.raises(UserError, match="each is the only one of its class"):
        folds_of(split, 2, keeps_classes=True)


def test_another_seed_draws_other_folds():
    split = Split(np.zeros((40, 1)), np.arange(40) % 2)
    one, other = (folds_of(split, 4, seed=seed) for seed in (0, 1))
    assert any((a[1] != b[1]).any() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (Split(np.zeros((3, 1)), np.zeros(3)), "are 3 rows, and must be 4"),
        (
            Split(np.zeros((4, 1)), np.zeros(4), orders=np.arange(4)),
            "are 4 rows, and must be 5",
        ),
        (
            Split(np.zeros((9, 1)), np.zeros(9), groups=np.arange(9) % 3),
            "are 3 groups, and must be 4",
        ),
    ],
)
def test_too_few_are_refused(split, words):
    with pytest.raises(UserError, match=words):
        folds_of(split, 4)


def test_a_validation_split_of_its_own_is_refused():
    split = Split(np.zeros((9, 1)), np.zeros(9))
    dataset = Dataset("data", dict.fromkeys(("train", "validation"), split), "")
    with pytest.raises(UserError, match="a validation split of its own"):
        hold_out_fold(dataset, folds=3, fold=0, seed=0)


DATA = DataConfig(source="files", folds=3, test_fraction=0.25)


def write(folder, days, sizes, kinds):
    lines = [f"{d},{s},{k}" for d, s, k in zip(days, sizes, kinds, strict=True)]
    path = folder / "table.csv"
    path.write_text("\n".join(["day,size,kind", *lines]) + "\n")
    return str(path)


DAYS = {
    "numbers": [f"{n}" for n in range(40)],
    "times": [f"2024-{1 + n // 20:02d}-{1 + n % 20:02d}" for n in range(40)],
    "commas": [f"{n},5" for n in range(40)],
}


@pytest.mark.parametrize("kind", ["numbers", "times"])
def test_rows_of_a_table_stand_in_the_order_of_a_column(tmp_path, kind):
    places = np.random.RandomState(0).permutation(40)
    path = write(
        tmp_path,
        [DAYS[kind][place] for place in places],
        places,
        ["oak" if place % 3 else "yew" for place in places],
    )
    data = dataclasses.replace(DATA, order="day", fold=1)
    found = sources.load(data, seed=0, data_dir=path)
    when = {n: places[s.rows] for n, s in found.splits.items()}
    assert sorted(when["test"]) == list(range(30, 40))
    assert when["train"].max() < when["validation"].min()
    assert [c.name for c in found.encoding.columns] == ["size"]
    again = sources.load(data, seed=0, data_dir=path, encoding=found.encoding)
    for name, split in found.splits.items():
        assert (again.splits[name].rows == split.rows).all()


@pytest.mark.parametrize(
    ("day", "words"),
    [
        ("soon", "has numbers, and 'soon' in line 9; correct it, or name an"),
        ("", "a value in row 7"),
    ],
)
def test_a_column_that_gives_no_order_is_refused(tmp_path, day, words):
    days = [*DAYS["numbers"]]
    days[7] = day
    path = write(tmp_path, days, range(40), ["oak", "yew"] * 20)
    data = dataclasses.replace(DATA, order="day")
    with pytest.raises(UserError, match=words):
        sources.load(data, seed=0, data_dir=path)


def test_texts_give_no_order(tmp_path):
    path = write(tmp_path, "abcd" * 10, range(40), ["oak", "yew"] * 20)
    data = dataclasses.replace(DATA, order="day")
    with pytest.raises(UserError, match="does not hold numbers or times"):
        sources.load(data, seed=0, data_dir=path)


def test_a_lack_of_order_is_told_by_the_files_own_row(tmp_path):
    days = [*DAYS["numbers"]]
    days[7] = "-"
    path = write(tmp_path, days, range(40), ["", "", *["oak", "yew"] * 19])
    data = dataclasses.replace(DATA, order="day")
    with pytest.raises(UserError, match="lacks a value in row 7;"):
        sources.load(data, seed=0, data_dir=path)


def test_the_config_says_how_an_order_is_read(tmp_path):
    days = [f"0{1 + n % 5}/0{1 + n // 5}/2024" for n in range(40)]
    path = write(tmp_path, days, range(40), ["oak", "yew"] * 20)
    data = dataclasses.replace(DATA, order="day")
    with pytest.raises(
        UserError,
        match=r"may begin with the day.*--config.data.read_as=day=day_first"
        r".*or name another by --config.data.order",
    ):
        sources.load(data, seed=0, data_dir=path)
    data = dataclasses.replace(data, read_as=("day=day_first",))
    found = sources.load(data, seed=0, data_dir=path)
    assert found.splits["test"].rows.tolist() == list(range(30, 40))
    again = sources.load(data, seed=0, data_dir=path, encoding=found.encoding)
    assert sources.fingerprint(again) == sources.fingerprint(found)


def test_an_order_is_exact_beyond_float32(tmp_path):
    days = [f"{1_700_000_000 + n}" for n in range(39)] + ["1500000000"]
    path = write(tmp_path, days, range(40), ["oak", "yew"] * 20)
    found = sources.load(
        dataclasses.replace(DATA, order="day"), seed=0, data_dir=path
    )
    assert found.splits["test"].rows.tolist() == list(range(29, 39))


def test_no_statistic_of_a_fold_is_learnt(tmp_path):
    """What the held-out rows hold changes nothing that is trained on."""
    random = np.random.RandomState(0)
    sizes = random.randn(40)
    kinds = ["oak" if s > 0 else "yew" for s in sizes]
    found = []
    for offset in (0, 1000):
        folder = tmp_path / str(offset)
        folder.mkdir()
        if found:
            sizes[found[0].splits["validation"].rows] += offset
        path = write(folder, DAYS["numbers"], sizes, kinds)
        data = dataclasses.replace(DATA, order="day", heavy_tails="quantiles")
        found.append(sources.load(data, seed=0, data_dir=path))
    good, poisoned = found
    assert good.encoding.to_json() == poisoned.encoding.to_json()
    for dataset, is_equal in (("train", True), ("validation", False)):
        rows = [d.splits[dataset] for d in found]
        one, other = (split.x[split.rows] for split in rows)
        assert np.array_equal(one, other) == is_equal
