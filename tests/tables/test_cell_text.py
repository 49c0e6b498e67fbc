"""Typed values are what they are, however a column's texts are written."""

import datetime
import decimal
import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from trainer.process.exits import UserError
from trainer.tables import csv_table
from trainer.tables import fitting
from trainer.tables import readings
from trainer.tables.cell_text import text_of
from trainer.tables.cells import BadCellError
from trainer.tables.csv_table import Table
from trainer.tables.given import of_frame
from trainer.tables.number_style import NumberStyle
from trainer.tables.opening import open_table
from trainer.tables.time_column import NO_TIME
from trainer.tables.time_form import TimeForm

GERMAN = NumberStyle(",", ".")
MORNING = datetime.datetime(2024, 1, 31, 10)
MORNING_US = 1_706_695_200_000_000


def read(frame, **known) -> Table:
    return csv_table.read(
        of_frame("frame", frame), [*frame], target="y", known=known or None
    )


@pytest.mark.parametrize(
    "value",
    [
        *(1.234, np.float64(1.234), np.float32(1.25), 5, np.int64(5)),
        *(-2.5e-7, decimal.Decimal("1.234"), datetime.timedelta(seconds=1.5)),
    ],
)
@pytest.mark.parametrize("style", [GERMAN, NumberStyle(before="$")])
def test_a_typed_number_is_read_in_no_style(style, value):
    if isinstance(value, datetime.timedelta):
        expected = value.total_seconds()
    else:
        expected = float(value)
    assert style.read([text_of(value)]).tolist() == [expected]


def test_a_typed_number_that_is_missing_or_infinite_stays_so():
    missing = [text_of(v) for v in (float("nan"), None, pd.NA)]
    assert np.isnan(GERMAN.read(missing)).all()
    with pytest.raises(BadCellError):
        GERMAN.read([text_of(float("inf"))])


@pytest.mark.parametrize("form", ["day_first", "name_year", "basic"])
def test_a_typed_date_is_read_in_no_form(form):
    cells = [text_of(MORNING), text_of(MORNING.date()), text_of(pd.NaT)]
    midnight = MORNING_US - 10 * 3_600_000_000
    found = TimeForm(form).read(cells)
    assert found.tolist() == [MORNING_US, midnight, NO_TIME]


def test_a_typed_date_is_no_time_of_a_day():
    with pytest.raises(BadCellError):
        TimeForm("time").read([text_of(MORNING)])


def test_typed_cells_among_texts_leave_the_style_to_these():
    table = read(
        {
            "price": ["1.234", 1.234, "7,5", None],
            "day": ["31/01/2024", MORNING.date(), "13/02/2024", pd.NaT],
            "id": [2**60 + 1, "a", "b", "c"],
            "y": [0, 1, 0, 1],
        }
    )
    price, day = table.columns["price"], table.columns["day"]
    assert price.reading == GERMAN
    np.testing.assert_array_equal(
        price.values, np.array([1234, 1.234, 7.5, np.nan], np.float32)
    )
    assert day.reading == TimeForm("day_first")
    assert day.values[0] == day.values[1]
    assert str(2**60 + 1) in table.columns["id"].categories


def test_typed_cells_are_of_the_wished_reading():
    texts = [text_of(1.234), text_of(2.5)]
    style = readings.settle(texts, "decimal_comma")
    assert isinstance(style, NumberStyle)
    assert style.read(texts).tolist() == [1.234, 2.5]
    assert readings.settle([text_of(2**60 + 1)]) is None


@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_a_file_of_typed_columns_fits_a_run_on_texts(
    tmp_path: pathlib.Path, kind
):
    texts = {
        "price": ["1.234,5", "2,25", "7"],
        "day": ["31/01/2024", "13/02/2024", "01/03/2024"],
    }
    trained = read({**texts, "y": [0, 1, 0]})
    encoding = fitting.fit(trained.columns, target="y", rows=None)
    days = [datetime.date(2024, 1, 31), datetime.date(2024, 2, 13)]
    frame = pd.DataFrame({"price": [1234.5, 2.25], "day": days})
    if kind == "parquet":
        frame.to_parquet(tmp_path / "t.parquet")
        file = open_table(tmp_path / "t.parquet")
    else:
        file = of_frame("frame", frame)
    (block,) = file.blocks()
    np.testing.assert_array_equal(
        encoding.encode(block.columns),
        encoding.encode({n: c[:2] for n, c in texts.items()}),
    )


@pytest.mark.parametrize("kind", ["frame", "parquet"])
def test_durations_are_refused_by_a_run_on_their_texts(tmp_path, kind):
    found = {"took": pd.to_timedelta([600, 1200] * 3, "s"), "y": [0, 1] * 3}
    frame, path = pd.DataFrame(found), tmp_path / "t.parquet"
    texts = {name: column.astype(str) for name, column in frame.items()}
    encoding = fitting.fit(read(texts).columns, target="y", rows=None)
    frame.to_parquet(path)
    file = of_frame("frame", frame) if kind == "frame" else open_table(path)
    (block,) = file.blocks()
    with pytest.raises(UserError, match="must be one of the training rows'"):
        encoding.encode(block.columns)
    for known in (encoding.readings, {"took": readings.TEXTS}):
        table = csv_table.read(file, [*frame], target="y", known=known)
        with pytest.raises(UserError, match="must be one of the training row"):
            encoding.encode_columns(table.columns, table.rows)


@pytest.mark.parametrize("written", [("FALSE", "TRUE"), ("false", "true")])
@pytest.mark.parametrize("kind", ["frame", "parquet", "CSV"])
def test_truths_fit_a_run_on_texts_or_on_truths(tmp_path, written, kind):
    texts = {"smoker": list(written) * 3, "y": [0, 1] * 3}
    truths = pd.DataFrame({"smoker": [False, True] * 3, "y": [0, 1] * 3})
    named = {"frame": "", "parquet": "t.parquet", "CSV": "t.csv"}[kind]
    path = tmp_path / named
    if kind == "parquet":
        truths.to_parquet(path)
    elif kind == "CSV":
        truths.to_csv(path, index=False)
    file = of_frame("frame", truths) if kind == "frame" else open_table(path)
    found = csv_table.read(file, ["smoker", "y"], target="y")
    encodings = [
        fitting.fit(table.columns, target="y", rows=None)
        for table in (read(texts), found)
    ]
    (block,) = file.blocks()
    for encoding in encodings:
        for cells in (block.columns, texts):
            x = encoding.encode(cells)
            assert x.tolist() == [[1, 0], [0, 1]] * 3
        x = encoding.encode_columns(found.columns, found.rows)
        assert x.tolist() == [[1, 0], [0, 1]] * 3


def test_truths_among_yes_and_no_are_refused_with_their_column():
    trained = read({"smoker": ["yes", "no"] * 3, "y": [0, 1] * 3})
    encoding = fitting.fit(trained.columns, target="y", rows=None)
    frame = {"smoker": ["yes", True, None], "y": [0, 1, 0]}
    (block,) = of_frame("frame", frame).blocks()
    with pytest.raises(UserError) as told:
        encoding.encode(block.columns, where="new", places=block.places)
    words = "has 'True' and must be one of the training rows' texts: 'no',"
    assert f"new: row 1, column 'smoker' {words}" in str(told.value)
    with pytest.raises(UserError) as told:
        encoding.encode_columns(read(frame).columns, 3, where="new")
    assert f"new: column 'smoker' {words}" in str(told.value)


def test_typed_labels_are_read_in_no_style():
    frame = {"a": [1, 2], "y": [1.234, 2.5]}
    table = read(frame, a=readings.PLAIN, y=GERMAN)
    assert table.columns["y"].values.tolist() == [1.234, 2.5]


@pytest.mark.parametrize("unit", ["ns", "us", "s", "m"])
def test_numpys_times_are_times_whatever_their_unit(unit):
    days = np.array(["2024-01-31T10:00", "NaT"], f"datetime64[{unit}]")
    spans = np.array([120, 180], "m8[s]").astype(f"m8[{unit}]")
    table = read({"day": days, "span": spans, "y": [0, 1]})
    assert table.columns["day"].values.tolist() == [MORNING_US, NO_TIME]
    assert table.columns["span"].values.tolist() == [120.0, 180.0]


def test_numpys_days_have_no_hours():
    days = np.array(["2024-01-31", "NaT"], "datetime64[D]")
    table = csv_table.read(
        of_frame("frame", {"day": days, "y": [0, 1]}),
        ["day", "y"],
        target="y",
        wishes={"day": "text"},
    )
    assert table.columns["day"].categories == ("2024-01-31",)


NUMBERS = np.arange(3.0)
TENSOR = type("Tensor", (), {"__array__": lambda *_: NUMBERS})()


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (NUMBERS.reshape(3, 1), ("0.0", "1.0", "2.0")),
        (pd.DataFrame({"target": ["x", "y"]}), ("x", "y")),
        (TENSOR, ("0.0", "1.0", "2.0")),
        ([np.array(1), np.array("a")], ("1", "a")),
        (np.array(["blue", "grün".encode()], object), ("blue", "grün")),
        (np.array(["blue", "red"], "S"), ("blue", "red")),
        (pd.Categorical(pd.cut([1, 3], [0, 2, 4])), ("(0, 2]", "(2, 4]")),
    ],
)
def test_what_holds_a_value_is_the_cell_of_it(column, texts):
    (block,) = of_frame("frame", {"a": [0] * len(texts)}, label=column).blocks()
    assert block.columns["target"] == texts


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1, 2], "[1, 2] (list)"),
        (np.arange(2), "array([0, 1]) (ndarray)"),
        ({"a": 1}, "{'a': 1} (dict)"),
        (b"\xff", r"b'\xff' (bytes)"),
    ],
)
def test_what_is_no_single_value_is_refused_with_its_column(value, told):
    file = of_frame("frame", {"a": [1, 2], "b": [1, value], "y": [0, 1]})
    with pytest.raises(UserError) as error:
        list(file.blocks())
    assert f"frame: row 1, column 'b' has {told}" in str(error.value)
    (block,) = file.blocks(names=["a", "y"])  # which asks for others
    assert block.columns["a"] == ("1", "2")


ARROW = pa.table(
    {
        "a": [1.5, None, 3],
        "day": pa.array([0, 1, 2], pa.timestamp("ns")),
        "kind": pa.array(["1", "2", "1"]).dictionary_encode(),
        "is": [True, None, False],
    }
)


@pytest.mark.parametrize("frame", [ARROW, ARROW.to_batches()[0]])
def test_a_table_of_pyarrow_is_a_frame(frame):
    file = of_frame("frame", frame, label=pa.chunked_array([[0, 1, 0]]))
    assert file.names == ("a", "day", "kind", "is", "target")
    assert file.texts == {"kind"}
    (block,) = file.blocks()
    assert block.columns["a"] == ("1.5", "", "3.0")
    assert block.columns["day"] == ("1970-01-01T00:00:00",) * 3
    assert block.columns["is"] == ("True", "", "False")


def test_a_frame_may_call_a_column_as_pyarrow_calls_names():
    frame = pd.DataFrame({"column_names": [1, 2], "y": [0, 1]})
    assert of_frame("frame", frame).names == ("column_names", "y")
