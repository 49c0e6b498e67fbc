"""Rows that a program hands over, each in several forms."""

import csv

import numpy as np
import pandas as pd
import pytest

from trainer import load
from trainer.process.exits import UserError


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
    }


FORMS = ("other order", "categories", "columns", "dicts", "cells")


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
