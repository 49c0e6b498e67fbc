"""Parquet, Feather and Arrow as a source: what their types become."""

import datetime
import decimal
import struct
import sys

import numpy as np
import pandas
import pyarrow as pa
import pytest
from pyarrow import feather
from pyarrow import parquet

from tests import processes
from tests.sources.loading import refusal
from trainer import sources
from trainer.config import DataConfig
from trainer.tables.opening import open_table

WRITERS = {
    "t.parquet": parquet.write_table,
    "t.pq": lambda table, path: parquet.write_table(
        table, path, compression="zstd", row_group_size=7
    ),
    "t.feather": feather.write_feather,
    "lz4.feather": lambda table, path: feather.write_feather(
        table, path, compression="lz4", chunksize=7
    ),
    "t.arrow": lambda table, path: write_ipc(table, path),
}


def write_ipc(table, path):
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=7)


def load(path, **changes):
    config = DataConfig(source="files", **changes)
    return sources.load(config, seed=1, data_dir=str(path))


TABLE = pa.table(
    {
        "size": pa.array([i / 3 for i in range(20)], pa.float64()),
        "colour": pa.array(["red", "blue", None, "red"] * 5),
        "count": pa.array([None, *range(19)], pa.int64()),
        "kind": ["a", "b"] * 10,
    }
)
AS_CSV = "size,colour,count,kind\n" + "".join(
    ",".join("" if v is None else str(v) for v in row.values()) + "\n"
    for row in TABLE.to_pylist()
)


@pytest.mark.parametrize("name", WRITERS)
def test_each_kind_reads_as_the_same_csv_does(tmp_path, name):
    WRITERS[name](TABLE, tmp_path / name)
    (tmp_path / "t.csv").write_text(AS_CSV)
    found, plain = load(tmp_path / name), load(tmp_path / "t.csv")
    assert found.encoding == plain.encoding
    assert found.class_names == plain.class_names
    for split in plain.splits:
        np.testing.assert_array_equal(
            found.splits[split].x, plain.splits[split].x
        )
    (tmp_path / "t.csv").unlink()
    assert sources.fingerprint(load(tmp_path)) == sources.fingerprint(plain)


MINUTE = datetime.datetime(2020, 1, 2, 3, 4)
TYPES = {
    "bool": (pa.array([True, None]), ("True", "")),
    "int8": (pa.array([-3, None], pa.int8()), ("-3", "")),
    "uint64": (pa.array([2**64 - 1, 0], pa.uint64()), (str(2**64 - 1), "0")),
    "float32": (pa.array([1.5, float("nan")], pa.float32()), ("1.5", "nan")),
    "float16": (
        pa.array(np.array([1.5, 2], np.float16)),
        ("1.5", "2.0"),
    ),
    "decimal": (
        pa.array([decimal.Decimal("1E+3"), None], pa.decimal128(9, 2)),
        ("1000.00", ""),
    ),
    "string": (pa.array(["a", "1"], pa.large_string()), ("a", "1")),
    "dictionary": (pa.array(["a", "b"]).dictionary_encode(), ("a", "b")),
    "date": (pa.array([MINUTE.date(), None]), ("2020-01-02", "")),
    "ns": (
        pa.array([MINUTE, None], pa.timestamp("ns")),
        ("2020-01-02T03:04:00", ""),
    ),
    "zone": (
        pa.array([MINUTE, None], pa.timestamp("s", "UTC")),
        ("2020-01-02T03:04:00+00:00", ""),
    ),
    "time": (pa.array([MINUTE.time(), None]), ("03:04:00", "")),
    "duration": (
        pa.array([datetime.timedelta(seconds=90), None]),
        ("90.0", ""),
    ),
    "null": (pa.nulls(2), ("", "")),
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_value_becomes_the_cell_that_csv_would_hold(tmp_path, kind):
    values, cells = TYPES[kind]
    table = pa.table({"a": values, "y": [0, 1]})
    parquet.write_table(table, tmp_path / "t.parquet")
    (block,) = open_table(tmp_path / "t.parquet").blocks()
    assert block.columns["a"] == cells


def test_zoned_times_before_offsets_were_whole_minutes_are_times(tmp_path):
    days = np.arange(-2_700_000_000, 1_700_000_000, 17 * 86400)
    for zone in ("Europe/Berlin", "UTC"):
        times = pa.array(days, pa.timestamp("s", zone))
        table = pa.table({"t": times, "y": np.arange(len(days)) % 2})
        parquet.write_table(table, tmp_path / f"{zone[-3:]}.parquet")
    berlin, utc = (load(tmp_path / f"{z}.parquet") for z in ("lin", "UTC"))
    assert "t year" in berlin.encoding.features
    for split in utc.splits:
        np.testing.assert_array_equal(
            berlin.splits[split].x, utc.splits[split].x
        )


@pytest.mark.parametrize("writer", ["pandas", "Arrow"])
@pytest.mark.parametrize("named", ["pandas", "ARROW:schema"])
def test_a_category_whose_numbers_parquet_stores_is_one(
    tmp_path, writer, named
):
    code = pandas.Categorical([10, 20, 30, 10] * 5)
    frame = pandas.DataFrame({"code": code, "kind": ["a", "b"] * 10})
    table = pa.Table.from_pandas(frame)
    if writer == "Arrow":
        table = table.replace_schema_metadata(None)
    if named == "pandas":
        table = table.set_column(0, "code", pa.array(code.tolist()))
    parquet.write_table(table, tmp_path / "t.parquet")
    found = load(tmp_path / "t.parquet").encoding.features
    is_told = (writer, named) != ("Arrow", "pandas")
    texts = ("code=10", "code=20", "code=30")
    assert found == (texts if is_told else ("code",))


def test_a_category_of_numbers_is_a_category(tmp_path):
    codes = pa.array(["10", "20"] * 10).dictionary_encode()
    parquet.write_table(
        pa.table({"a": codes, "y": [0, 1] * 10}), tmp_path / "t.parquet"
    )
    assert load(tmp_path).encoding.features == ("a=10", "a=20")


@pytest.mark.parametrize(
    ("value", "kind"),
    [([1], "list<"), (b"a", "binary"), ({"c": 1}, "struct<")],
)
def test_a_column_without_single_values_is_refused_by_name(
    tmp_path, value, kind
):
    table = pa.table({"a": [1, 2] * 3, "b": [value] * 6, "y": [0, 1] * 3})
    parquet.write_table(table, tmp_path / "t.parquet")
    line = refusal(load, tmp_path)
    assert f"column 'b' holds {kind}" in line
    assert "config.data.ignore=b" in line
    assert load(tmp_path, ignore=("b",)).encoding.features == ("a",)


def test_columns_named_alike_are_told_apart_by_numbers(tmp_path):
    names = ["a", "", "a", "y"]
    columns = [pa.array([n, n + 1]) for n in range(4)]
    parquet.write_table(
        pa.Table.from_arrays(columns, names=names), tmp_path / "t.parquet"
    )
    file = open_table(tmp_path / "t.parquet")
    assert file.names == ("a", "column 2", "a.1", "y")
    (block,) = file.blocks()
    assert [cells[0] for cells in block.columns.values()] == list("0123")


def test_the_index_that_pandas_wrote_names_the_rows(tmp_path):
    table = pa.table(
        {"a": [3, 1], "y": [0, 1], "__index_level_0__": ["x", "z"]}
    ).replace_schema_metadata(
        {b"pandas": b'{"index_columns": ["__index_level_0__"]}'}
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    file = open_table(tmp_path / "t.parquet")
    assert (file.names, file.row_names) == (("a", "y"), ("",))
    (block,) = file.blocks()
    assert block.columns == {"": ("x", "z"), "a": ("3", "1"), "y": ("0", "1")}


ROWS = {"a": [3, 1] * 10, "y": [0, 1] * 10}
LEVELS = [[*"xz"] * 10, [*range(20)]]


@pytest.mark.parametrize("levels", [["who"], ["who", "day"], [None, None]])
def test_an_index_with_a_name_names_the_rows(tmp_path, levels):
    index = pandas.MultiIndex.from_arrays(LEVELS[: len(levels)], names=levels)
    path = tmp_path / "t.parquet"
    pandas.DataFrame(ROWS, index=index).to_parquet(path)
    file = open_table(path)
    assert file.names == ("a", "y")
    assert len(file.row_names) == len(levels)
    assert load(path).encoding.target == "y"
    if "who" in levels:
        (note,) = file.notes
        assert "pandas' index names the rows" in note


def test_a_column_that_pandas_calls_unnamed_names_the_rows(tmp_path):
    for name in ("", "Unnamed: 0"):
        table = pa.table({name: ["x", "z"], "a": [3, 1], "y": [0, 1]})
        parquet.write_table(table, tmp_path / "t.parquet")
        file = open_table(tmp_path / "t.parquet")
        assert (file.names, file.row_names) == (("a", "y"), (name,))


def test_an_index_may_be_named(tmp_path):
    index = pandas.MultiIndex.from_arrays(LEVELS, names=["who", "day"])
    path = tmp_path / "t.parquet"
    pandas.DataFrame(ROWS, index=index).to_parquet(path)
    found = load(path, target="who", order="day")
    assert found.class_names == ("x", "z")
    assert found.encoding.features == ("a", "y")
    assert found.splits["train"].orders is not None


def test_a_run_on_an_index_goes_on(tmp_path):
    path = tmp_path / "t.parquet"
    index = pandas.Index([*range(20)], name="day")
    frame = pandas.DataFrame(ROWS, index=index)
    frame.reset_index().to_parquet(path)
    before = load(path)
    frame.to_parquet(path)
    config = DataConfig(source="files")
    after = sources.load(
        config, seed=1, data_dir=str(path), encoding=before.encoding
    )
    assert sources.fingerprint(after) == sources.fingerprint(before)


def test_what_pyarrow_cannot_read_is_one_line(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(TABLE, path)
    content = path.read_bytes()
    for length in (4, 12, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        assert "cannot be read" in refusal(load, path)


def stored(array, old, new):
    """Returns what writes an array to an Arrow file, some bytes altered."""

    def write(path):
        write_ipc(pa.table({"a": array, "y": [0, 1] * 3}), path)
        content = path.read_bytes()
        assert content.count(old) == 1
        path.write_bytes(content.replace(old, new))

    return write


FAR = struct.pack("<i", 2**30)
OFFSETS = struct.pack("<7i", *range(7))
LEADING_OUT = {
    "text": stored(pa.array([*"abcdef"]), OFFSETS, OFFSETS[:-4] + FAR),
    "between": stored(
        pa.array([*"abcdef"]), OFFSETS, OFFSETS[:4] + FAR + OFFSETS[8:]
    ),
    "view": stored(
        pa.array(["of twelve or more"] * 6, pa.string_view()),
        b"of t" + bytes(4) + struct.pack("<i", 5 * 17),
        b"of t" + bytes(4) + FAR,
    ),
    "category": stored(
        pa.array([*"abcdea"]).dictionary_encode(),
        OFFSETS[:20] + bytes(4),
        FAR + OFFSETS[4:20] + bytes(4),
    ),
}


@pytest.mark.parametrize("kind", LEADING_OUT)
def test_an_arrow_file_that_leads_out_of_itself_is_one_line(tmp_path, kind):
    LEADING_OUT[kind](tmp_path / "t.arrow")
    # By a process of its own, which it could end.
    run = processes.start_python("-m", "trainer", "inspect", tmp_path)
    code, output = processes.finish(run)
    assert (code, output.count("\n")) == (2, 1)
    assert "t.arrow cannot be read" in output


NO_TEXTS = pa.Array.from_buffers(
    pa.string(), 6, pa.array([b"caf\xe9"] * 6).buffers()
)
BEYOND = {
    "text": (NO_TEXTS, "bytes that are no UTF-8"),
    "category": (NO_TEXTS.dictionary_encode(), "bytes that are no UTF-8"),
    "year 10000": (
        pa.array([253402300800] * 6, pa.timestamp("s")),
        "a time outside the years 1 to 9999",
    ),
    "year 0": (
        pa.array([-62135596801] * 6, pa.timestamp("s", "Europe/Berlin")),
        "a time outside the years 1 to 9999",
    ),
    "date": (
        pa.array([10**7] * 6, pa.int32()).cast(pa.date32()),
        "a time outside the years 1 to 9999",
    ),
    "duration": (
        pa.array([2**62] * 6, pa.duration("s")),
        "a duration of more than 999999999 days",
    ),
}


@pytest.mark.parametrize("kind", BEYOND)
@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_value_that_python_cannot_hold_is_one_line(tmp_path, kind, name):
    column, words = BEYOND[kind]
    table = pa.table({"a": column, "y": [0, 1] * 3})
    WRITERS[name](table, tmp_path / name)
    line = refusal(load, tmp_path / name)
    assert f"{name}: column 'a' holds" in line
    assert words in line


def test_a_name_that_is_no_text_is_one_line(tmp_path):
    schema = pa.schema([pa.field(b"caf\xe9", pa.int64())])
    table = pa.table([pa.array([1, 2])], schema=schema)
    parquet.write_table(table, tmp_path / "t.parquet")
    assert "t.parquet cannot be read" in refusal(load, tmp_path)


def test_a_package_that_is_missing_is_named_with_its_command(
    tmp_path, monkeypatch
):
    parquet.write_table(TABLE, tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    line = refusal(load, tmp_path)
    assert line.endswith(f"{sys.executable} -m pip install 'strata-mlp[arrow]'")
