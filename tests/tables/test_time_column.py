"""Times become where they stand in year, week and day, and seconds."""

import numpy as np
import pytest

from trainer.tables import time_column
from trainer.tables.table_column import TableColumn
from trainer.tables.time_column import TimeColumn
from trainer.tables.time_form import TimeForm

FORM = TimeForm("year_first")


def fit(texts):
    values = FORM.read(texts)
    return time_column.fit("t", TableColumn(values, reading=FORM), values)


def written(column, texts):
    features = np.empty((len(texts), len(column.features)), np.float32)
    column.write(column.read(texts), features)
    return dict(zip(column.features, features.T.tolist(), strict=True))


def test_what_is_the_same_in_every_training_row_is_left_out():
    column = fit(["2024-01-01", "2024-01-08", "2024-01-15"])
    assert column.features == (
        *("t day of year sine", "t day of year cosine"),
        "t seconds",
    )
    assert fit(["2024-01-01T10:00"]).features == ("t seconds",)
    assert "day of year (sine, cosine), seconds since" in column.told


def test_each_feature_is_stated():
    column = fit(["2023-04-01T06:00", "2024-07-01T18:30", ""])
    found = written(column, ["2024-07-01T18:30", "", "2023-04-01 06:00"])
    assert found["t year"] == [2024, 2024, 2023]
    assert found["t month sine"] == pytest.approx([0, 0, 1], abs=1e-6)
    assert found["t month cosine"] == pytest.approx([-1, -1, 0], abs=1e-6)
    # 2024-07-01 is a Monday; a missing time is the median's.
    assert found["t day of week cosine"][:2] == [1, 1]
    assert found["t hour sine"][2] == 1
    assert found["t missing"] == [0, 1, 0]
    seconds = (457 * 24 + 12.5) * 3600
    assert found["t seconds"] == [seconds, seconds, 0]


def test_seconds_are_exact_before_they_are_float32():
    column = fit(["2024-01-01T00:00:00", "2024-01-01T00:00:59.25"])
    found = written(column, ["2024-01-01T00:00:01.5"])
    assert found["t seconds"] == [1.5]


def test_a_column_is_kept_as_json():
    column = fit(["2023-04-01T06:00", "2024-07-01T18:30", ""])
    assert TimeColumn.from_json(column.to_json()) == column
    for changed in ({"form": "other"}, {"kept": ["century"]}):
        with pytest.raises(ValueError, match="form"):
            TimeColumn.from_json(column.to_json() | changed)


def test_times_are_shown_as_they_were():
    column = fit(["2023-04-01T06:00", "2024-07-01T18:30", ""])
    features = np.empty((2, len(column.features)), np.float32)
    column.write(column.read(["2023-04-02T07:00", ""]), features)
    shown = column.shown(features)
    assert shown.astype("datetime64[m]")[0] == np.datetime64("2023-04-02T07:00")
    assert np.isnat(shown[1])
