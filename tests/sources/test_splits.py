"""How rows are held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sources.loading import dataset_of
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import rows_of
from tests.sources.loading import UNTIMED
from tests.sources.loading import Y
from trainer import sources
from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.splits import hold_out
from trainer.tables.given import Given
from trainer.tables.given import of_frame

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


@UNTIMED
@given(LABELS, FRACTIONS, SEEDS)
def test_each_class_keeps_a_row_in_training(y, fraction, seed):
    y = np.concatenate([y, y[:1]])  # a class of two rows, at least
    how = {"fraction": fraction, "seed": seed}
    held = hold_out(dataset_of(y), "test", **how, keeps_classes=True)
    kept = rows_of(held, "train")
    assert set(y[kept]) == set(y)
    plain = rows_of(hold_out(dataset_of(y), "test", **how), "train")
    if set(y[plain]) == set(y):
        assert plain.tolist() == kept.tolist()


def forms_of(y):
    """Yields classes as floats, as a column, and as one-hot rows."""
    yield from (y.astype(float), y[:, None], (y[:, None] == np.unique(y)) * 1.0)


@UNTIMED
@given(LABELS, FRACTIONS, SEEDS)
def test_classes_are_spread_evenly_however_they_are_stored(y, fraction, seed):
    y = np.concatenate([y, y[:1]])
    how = {"fraction": fraction, "seed": seed, "keeps_classes": True}
    wanted = rows_of(hold_out(dataset_of(y), "test", **how), "test")
    for stored in forms_of(y):
        held = hold_out(dataset_of(stored), "test", **how)
        assert rows_of(held, "test").tolist() == wanted.tolist()


def test_a_few_rows_of_a_class_of_floats_are_in_each_split():
    y = np.zeros(300)
    y[:15] = 1
    found = sources.held_out(
        dataset_of(y), DataConfig(validation_fraction=0.2), seed=1
    )
    positives = {n: int(s.labels().sum()) for n, s in found.splits.items()}
    assert positives == {"train": 10, "validation": 2, "test": 3}


def given_as(form):
    """Returns 60 rows of three classes, stored in a way that is not theirs."""
    x, y = np.arange(120.0).reshape(60, 2), np.arange(60) % 3
    if form != "frame":
        stored = list(forms_of(y))[form]
        return Given({"x_train": x, "y_train": stored})
    columns = {"a": x[:, 0], "b": x[:, 1], "kind": y.astype(float)}
    return Given(tables={"train": of_frame("data", columns)})


@pytest.mark.parametrize("how", [{"validation_fraction": 0.25}, {"folds": 4}])
@pytest.mark.parametrize("form", [0, 1, 2, "frame"])
def test_rows_of_a_run_of_an_earlier_version_are_held_out_as_it_did(
    form, how, monkeypatch
):
    data, held_out = DataConfig(source="files", **how), sources.held_out

    def load_as(known):
        return sources.load(
            data,
            seed=1,
            data_dir=None,
            problem="multiclass",
            known=known,
            given=given_as(form),
        )

    with monkeypatch.context() as patch:
        patch.setattr(
            sources,
            "held_out",
            lambda *given, **_: held_out(*given, as_earlier=True),
        )
        earlier = load_as(None)
    found = load_as(None)
    for known, wanted in (
        (sources.fingerprint(earlier), earlier),
        (sources.fingerprint(found), found),
        ("of other data", found),
    ):
        again = load_as(known)
        for name in wanted.splits:
            rows = rows_of(again, name).tolist()
            assert rows == rows_of(wanted, name).tolist()
    assert sources.fingerprint(earlier) != sources.fingerprint(found)


def test_what_earlier_versions_held_out_stays_known():
    # As of whole numbers below: their runs must go on.
    held = hold_out(
        dataset_of(Y.astype(float)),
        "test",
        fraction=0.2,
        seed=42,
        keeps_classes=True,
        as_earlier=True,
    )
    assert rows_of(held, "test").tolist() == [0, 1, 15, 17]


def test_rows_of_a_class_each_are_refused():
    with pytest.raises(UserError, match="the only one of its class"):
        hold_out(
            dataset_of(np.arange(20)),
            "test",
            fraction=0.2,
            seed=0,
            keeps_classes=True,
        )


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


@given(
    st.lists(st.integers(0, 12), min_size=2, max_size=60),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_a_group_is_never_on_both_sides(numbers, fraction, seed):
    groups = np.array([*numbers, 98, 99])
    split = Split(
        np.zeros((len(groups), 1)), np.arange(len(groups)) % 2, groups=groups
    )
    made = Dataset("made", {"train": split}, "table")
    held = hold_out(made, "test", fraction=fraction, seed=seed)
    train, test = (set(groups[s.rows]) for s in held.splits.values())
    assert train
    assert test
    assert not train & test
    off = abs(held.splits["test"].examples - fraction * len(groups))
    assert off <= np.bincount(groups).max()


def test_a_single_group_cannot_be_parted():
    split = Split(np.zeros((4, 1)), np.arange(4) % 2, groups=np.zeros(4, int))
    made = Dataset("made", {"train": split}, "table")
    with pytest.raises(UserError, match="are of 1 group, and the test split"):
        hold_out(made, "test", fraction=0.5, seed=0)


def test_a_tables_group_parts_its_rows_and_is_no_feature(tmp_path):
    rows = "".join(f"{i % 10},{i % 7},{'ab'[i % 2]}\n" for i in range(100))
    path = tmp_path / "visits.csv"
    path.write_text("patient_id,size,kind\n" + rows)
    found = load("files", path, group="patient_id", validation_fraction=0.25)
    assert found.encoding.features == ("size",)
    sides = [set(s.rows % 10) for s in found.splits.values()]
    assert sum(map(len, sides)) == 10
    again = sources.load(
        DataConfig(
            source="files", group="patient_id", validation_fraction=0.25
        ),
        seed=1,
        data_dir=str(path),
        encoding=found.encoding,
    )
    for name, split in found.splits.items():
        np.testing.assert_array_equal(again.splits[name].rows, split.rows)
