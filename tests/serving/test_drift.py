"""Which columns have moved: by arrays alone, then on a run of a table."""

import csv
import dataclasses
import json
import math
import types
from typing import Any

import numpy as np
import pytest

from tests import runs
from trainer.process.exits import UserError
from trainer.serving import drift
from trainer.serving import predict
from trainer.serving import shifts
from trainer.sources import sketch
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.sources.sketch import Sketch
from trainer.tables import csv_table
from trainer.tables import fitting
from trainer.tables.category_column import CategoryColumn
from trainer.tables.encoding import Encoding
from trainer.tables.given import of_frame
from trainer.tables.number_column import NumberColumn

RANDOM = np.random.RandomState(0)


def sketch_of(x, kind="table", encoding=None):
    train = Split(x, np.zeros(len(x)))
    return sketch.of_training(
        Dataset("own", {"train": train}, kind, encoding=encoding)
    )


def moved(before, rows):
    now = before.empty()
    now.look(rows)
    return {shift.name: shift for shift in shifts.compare(before, now)}


def test_rows_of_the_same_kind_have_not_moved():
    before = sketch_of(RANDOM.randn(5000, 20))
    found = moved(before, RANDOM.randn(500, 20))
    assert not any(shift.has_moved for shift in found.values())
    assert all(s.ks_interval[0] == 0 for s in found.values())
    assert before.rows == 5000


def test_a_few_rows_are_no_evidence():
    """The index is large by chance, and is held against that."""
    before = sketch_of(RANDOM.randn(5000, 10))
    found = moved(before, RANDOM.randn(20, 10))
    assert max(shift.psi for shift in found.values()) > shifts.MAJOR_PSI
    assert not any(shift.has_moved for shift in found.values())


def test_a_column_that_moves_is_named_first_with_its_distance():
    before = sketch_of(RANDOM.randn(10_000, 3))
    rows = RANDOM.randn(4000, 3)
    rows[:, 1] += 1
    found = moved(before, rows)
    first = next(iter(found.values()))
    assert first.name == "column 1"
    assert [name for name, s in found.items() if s.has_moved] == ["column 1"]
    # Of two normal distributions one deviation apart.
    true = math.erf(0.5 / math.sqrt(2))
    low, high = first.ks_interval
    assert low < true < high
    assert first.ks == pytest.approx(true, abs=0.03)
    # The index of the same two, in tenths, is some 0.9.
    assert 0.7 < first.psi < 1.3


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_holds_the_distance(seed):
    random = np.random.RandomState(seed)
    before = sketch_of(random.rand(2000, 1))
    (shift,) = moved(before, random.rand(300, 1) ** 2).values()
    low, high = shift.ks_interval
    assert low <= 0.25 <= high  # the greatest of sqrt(x) - x


def test_a_column_of_one_value_is_counted():
    before = sketch_of(np.full((100, 1), 7.0))
    assert not moved(before, np.full((50, 1), 7.0))["column 0"].has_moved
    assert moved(before, np.full((50, 1), 8.0))["column 0"].has_moved


def test_images_are_told_by_brightness_and_contrast():
    images = RANDOM.randint(0, 255, (500, 8, 8)).astype(np.uint8)
    before = sketch_of(images, "image")
    found = moved(before, images // 2)
    assert {name for name, s in found.items() if s.has_moved} == {
        "brightness",
        "contrast",
    }


ENCODING = Encoding(
    (
        NumberColumn("size", marks_missing=True, fill=0.0),
        CategoryColumn("colour", False, ("blue", "red")),
    ),
    "kind",
    is_text_target=True,
)


def test_missing_cells_and_new_texts_are_counted_apart():
    texts = {"size": ["1", "NA", "2", "3"], "colour": ["red"] * 3 + ["blue"]}
    before = sketch_of(ENCODING.encode(texts), encoding=ENCODING)
    rows = {"size": ["NA", "NA", "1", "2"], "colour": ["red", "x", "", "blue"]}
    now = before.empty()
    now.look(
        ENCODING.encode(rows), {"colour": np.array([False, False, True, False])}
    )
    found = {shift.name: shift for shift in shifts.compare(before, now)}
    assert found["size"].missing == (0.25, 0.5)
    assert found["colour"].missing == (0.0, 0.25)
    assert found["colour"].new == 0.25
    assert found["colour"].ks is None
    assert found["size"].ks is not None


DAYS = [f"2024-0{1 + n % 9}-1{n % 7}" for n in range(60)]


@pytest.mark.parametrize("trained_missing", [0, 12])
@pytest.mark.parametrize("is_old", [False, True])
def test_missing_times_are_counted(tmp_path, trained_missing, is_old):
    """Unless a sketch of an earlier version counted them as times."""
    days = [""] * trained_missing + DAYS[trained_missing:]
    table = of_frame("own", {"day": days, "y": [0, 1] * 30})
    columns = csv_table.read(table, ["day", "y"], target="y").columns
    encoding = fitting.fit(columns, target="y", rows=None)
    before = sketch_of(encoding.encode({"day": days}), encoding=encoding)
    if is_old:
        flat = encoding.encode({"day": days})
        bins = [
            dataclasses.replace(b, marks_missing=False) for b in before.bins
        ]
        before = Sketch(tuple(bins), before.counts).empty()
        before.look(flat)
    now = before.empty()
    path = tmp_path / "new.csv"
    path.write_text("\n".join(["day,size", *(f"{d},1" for d in days)]))
    stored: Any = types.SimpleNamespace(encoding=encoding)
    unread: Any = None
    drift._count(stored, path, unread, now)
    assert not any(s.has_moved for s in shifts.compare(before, now))
    path.write_text("\n".join(["day,size", *(",1" for _ in range(60))]))
    now = before.empty()
    drift._count(stored, path, unread, now)
    shares = {s.missing for s in shifts.compare(before, now)}
    is_known = not (is_old and trained_missing)
    assert shares == {(trained_missing / 60, 1.0) if is_known else (0.0, 0.0)}


def test_a_sketch_is_read_back_as_it_was():
    before = sketch_of(RANDOM.randn(100, 2))
    text = json.dumps(before.to_json())
    again = Sketch.from_json(json.loads(text))
    assert again.bins == before.bins
    assert all(map(np.array_equal, again.counts, before.counts))


def test_too_wide_a_table_has_none():
    assert sketch_of(np.zeros((3, sketch.MOST_COLUMNS + 1))) is None


def test_no_rows_are_no_news():
    before = sketch_of(RANDOM.randn(100, 2))
    assert shifts.compare(before, before.empty()) == []


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drift") / "flowers"
    runs.train_on_flowers(folder)
    return folder


def test_a_run_is_asked_and_answers(flowers, capsys, tmp_path):
    new = tmp_path / "new.csv"
    with open(flowers / "flowers.csv") as old, open(new, "w") as moved_rows:
        writer = csv.writer(moved_rows)
        for size, colour, kind in csv.reader(old):
            is_red = colour == "red"
            writer.writerow([size, "black" if is_red else colour, kind])
    told = tmp_path / "drift.json"
    words = [str(flowers / "run"), f"--input={new}", f"--output={told}"]
    assert drift.main(words) == 0
    printed = capsys.readouterr().out
    assert "column(s) moved" in printed
    assert "its accuracy is now" in printed
    found = json.loads(told.read_text())
    by_name = {column["name"]: column for column in found["columns"]}
    assert by_name["colour"]["new"] > 0.1
    assert by_name["colour"]["has_moved"]
    assert not by_name["size"]["has_moved"]
    assert found["rows"] == 120
    # predict looks in passing.
    assert predict.main([str(flowers / "run"), f"--input={new}"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING: 'colour' has moved against the training rows" in line
    # A run of an earlier version kept no sketch: its data is read again.
    (flowers / "run" / "sketch.json").unlink()
    assert drift.main(words) == 0
    assert json.loads(told.read_text())["columns"] == found["columns"]


@pytest.mark.parametrize(
    ("checkpoint", "is_own"), [("60", True), ("36", False)]
)
def test_other_weights_are_not_held_against_the_scores(
    trained, capsys, tmp_path, checkpoint, is_own
):
    new = tmp_path / "new.npy"
    np.save(new, RANDOM.rand(50, 30))
    words = [str(trained("binary")), f"--input={new}"]
    assert drift.main([*words, f"--checkpoint={checkpoint}"]) == 0
    printed = capsys.readouterr().out
    assert "column(s) moved" in printed
    assert ("its accuracy is now" in printed) == is_own
    assert ("an estimate without labels" in printed) == is_own


def test_a_cell_that_cannot_be_read_is_named(flowers, capsys, tmp_path):
    rows = (flowers / "flowers.csv").read_text().splitlines()
    header, *others = rows * 60
    others = [row for row in others if row != header]
    others[-1] = "oops," + others[-1].partition(",")[2]
    new = tmp_path / "new.csv"
    new.write_text("\n".join([header, *others]) + "\n")
    assert drift.main([str(flowers / "run"), f"--input={new}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'oops'" in line
    assert f"line {len(others) + 1}" in line


def test_an_earlier_runs_data_that_is_gone_is_told_of(monkeypatch):
    def load(stored, data_dir):
        raise UserError("its folder is gone; name it by --data_dir")

    stored: Any = types.SimpleNamespace(sketch=None)
    monkeypatch.setattr(drift.scored_data, "load", load)
    with pytest.raises(UserError, match="is gone; name it by --data_dir"):
        drift.reference(stored)
