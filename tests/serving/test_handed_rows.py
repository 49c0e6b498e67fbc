"""Rows that a program hands over, each in several forms."""

import csv

import numpy as np
import pandas as pd
import pytest

from trainer import load
from trainer.finished.trained_run import Layout
from trainer.process.exits import UserError
from trainer.serving import handed_rows
from trainer.serving import rows
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn


@pytest.fixture(scope="module")
def model(flowers):
    return load(flowers[0])


def forms_of(table):
    frame = pd.read_csv(table)
    with open(table, newline="") as file:
        records = list(csv.DictReader(file))
    return {
        "frame": frame,
        "other order": frame[["kind", "colour", "size"]],
        "categories": frame.astype({"colour": "category"}),
        "columns": {name: frame[name].tolist() for name in frame},
        "dicts": records,
        "cells": [[row["size"], row["colour"]] for row in records],
        "objects": frame[["size", "colour"]].to_numpy(),
        "texts": np.array([[r["size"], r["colour"]] for r in records]),
    }


FORMS = (
    *("other order", "categories", "columns", "dicts", "cells"),
    *("objects", "texts"),
)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_answers(model, flowers, form):
    forms = forms_of(flowers[1])
    found, wanted = model.predict(forms[form]), model.predict(forms["frame"])
    assert len(np.unique(wanted)) > 10
    np.testing.assert_array_equal(found, wanted)


def test_one_dict_is_one_row(model):
    row = {"size": 1.25, "colour": None}
    found = model.predict(row)
    assert found.shape == (1, 1)
    np.testing.assert_array_equal(found, model.predict([row, row])[:1])


def test_features_stay_features(model):
    rows = np.zeros((2, model.stored.layout.features), np.float32)
    found = model.predict(rows)
    np.testing.assert_array_equal(model.predict(rows.tolist()), found)


def numbers_alone(tmp_path):
    """Rows of two numbers that are as many features, in several forms."""
    wide = NumberColumn("stamp", False, fill=1.7e9, origin=1.7e9)
    encoding = Encoding((wide, NumberColumn("size", False)), "y", False)
    layout = Layout((2,), np.dtype(np.float32), encoding)
    array = np.array([[1.7e9 + 3, 1.5], [1.7e9 + 9, 2.5], [1.7e9, np.nan]])
    np.save(tmp_path / "x.npy", array)
    np.savez(tmp_path / "x.npz", array)
    handed = {
        "array": array,
        "list": array.tolist(),
        "integers": array[:2].astype(int),
        "frame": pd.DataFrame(array, columns=["stamp", "size"]),
    }
    return layout, {
        **{k: handed_rows.taken("x", x, layout) for k, x in handed.items()},
        **{
            name: rows.open_file(tmp_path / name, layout)
            for name in ("x.npy", "x.npz")
        },
    }


def test_as_many_numbers_as_columns_are_cells(tmp_path):
    layout, forms = numbers_alone(tmp_path)
    for name, form in forms.items():
        features = np.concatenate(list(form.blocks(2)))
        wanted = [[3, 1.5], [9, 2.5], [0, 0]]
        if name == "integers":
            wanted = [[3, 1], [9, 2]]
        assert features.dtype == np.float32
        assert features.tolist() == wanted, name
    bad = rows.of_array("x", np.array([[1.7e9, 1], [1.7e9, np.inf]]), layout)
    with pytest.raises(UserError, match="x: row 1, column 'size' has 'inf'"):
        list(bad.blocks(1))


def test_a_run_on_arrays_takes_a_frame_of_its_columns(trained):
    model = load(trained("binary"))
    rows = np.random.RandomState(0).rand(5, 30)
    np.testing.assert_array_equal(
        model.predict(pd.DataFrame(rows)), model.predict(rows)
    )


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ({"size": [1.0]}, "lacks the column 'colour'"),
        (
            {"size": ["big"], "colour": ["red"]},
            "row 0, column 'size' has 'big' and must be",
        ),
        ([["1.0", "red", "x"]], "rows of 3 cells; the run takes 2: size"),
        ([{"size": 1}, {"colour": "red"}], "row 1 and row 0"),
        ({"size": [1, 2], "colour": ["red"]}, "has 1 rows"),
        ({"size": [1, 2], "colour": "ab"}, "column 'colour' is 'ab' and must"),
        ([[1.0], [1.0, 2.0]], "is no array"),
        (np.ma.masked_equal([[-9.0, 1.0]], -9), "x has masked values"),
        (np.zeros((1, 3)), "[rows, 6] of features or [rows, 2] of its table's"),
        ({}, "has no columns"),
        ({"size": [], "colour": []}, "has no rows"),
    ],
)
def test_a_mistake_is_told_in_a_line(model, x, words):
    with pytest.raises(UserError) as told:
        model.predict(x)
    assert words in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "column", [1, None, "12", b"12", np.array(1), {0: 1, 1: 2}, {1, 2}]
)
def test_a_column_that_is_no_list_is_named(model, column):
    with pytest.raises(UserError, match=r"'size' is .* a list of cells"):
        model.predict({"size": column, "colour": ["red", "blue"]})
