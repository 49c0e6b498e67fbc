"""Each kind of table in each verb that reads rows: the same as the CSV."""

import bz2
import csv
import gzip
import io
import json
import lzma

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pyarrow import feather
from pyarrow import parquet

from tests.verbs import strata
from trainer import sources
from trainer.finished import trained_run
from trainer.reports.inspect import inspect
from trainer.serving import rows
from trainer.serving import scored_data

MISTAKE = 2


def text_of(delimiter=",", end="\n"):
    def write(table, path):
        held = io.StringIO()
        writer = csv.writer(held, delimiter=delimiter, lineterminator=end)
        writer.writerows(table)
        path.write_bytes(held.getvalue().encode())

    return write


def blanks(table, path):
    """Writes as R's write.table: no name for row names, no empty cell."""
    header, *lines = table
    filled = [[cell or "NA" for cell in line] for line in lines]
    text_of(" ")([header[header[0] == "" :], *filled], path)


def packed_by(compress):
    def write(table, path):
        text_of()(table, path)
        path.write_bytes(compress(path.read_bytes()))

    return write


def arrow_by(write_table):
    def write(table, path):
        names, *lines = table
        columns = zip(*lines, strict=True)
        cells = [[cell or None for cell in column] for column in columns]
        write_table(pa.table(dict(zip(names, cells, strict=True))), str(path))

    return write


def utf_16(table, path):
    text_of(";", "\r\n")(table, path)
    path.write_bytes(("sep=;\r\n" + path.read_text()).encode("utf-16"))


KINDS = {
    "t.csv": text_of(),
    "excel.csv": utf_16,
    "semicolons.csv": text_of(";"),
    "t.tsv": text_of("\t"),
    "t.txt": text_of("|"),
    "blanks.txt": blanks,
    "mac.csv": text_of(end="\r"),
    "t.csv.gz": packed_by(gzip.compress),
    "t.tsv.bz2": packed_by(bz2.compress),
    "t.csv.xz": packed_by(lzma.compress),
    "t.csv.zst": packed_by(zstandard.compress),
    "t.parquet": arrow_by(parquet.write_table),
    "t.feather": arrow_by(feather.write_feather),
}


def facts(found):
    """Leaves out of what inspect found what tells of the file's name."""
    return {
        name: value
        for name, value in found.items()
        if name not in ("name", "path", "command", "findings", "notes")
    }


VERBS = {
    "train": lambda run, path: sources.fingerprint(
        sources.load(run.config.data, seed=run.config.seed, data_dir=str(path))
    ),
    "inspect": lambda run, path: facts(inspect(str(path))),
    "predict": lambda run, path: np.concatenate(
        list(rows.open_file(path, run.layout).blocks(7))
    ).tolist(),
    # What export compares itself on is loaded so, too.
    "evaluate": lambda run, path: scored_data.load(run, str(path)).fingerprint,
}


@pytest.fixture
def table(flowers):
    """The rows that the run was trained on, the header first."""
    _, path = flowers
    with open(path, newline="") as file:
        return [["", *row] for row in csv.reader(file)]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", KINDS)
def test_each_verb_takes_each_kind(flowers, table, tmp_path, name, verb):
    workdir, original = flowers
    run = trained_run.read(workdir)
    # Row names are none of the rows: all is as if they were not there.
    named = [[i and f"row {i}", *row[1:]] for i, row in enumerate(table)]
    named[0][0] = "" if "parquet" not in name else "Unnamed: 0"
    KINDS[name](named, tmp_path / name)
    assert VERBS[verb](run, tmp_path / name) == VERBS[verb](run, original)


@pytest.fixture
def new(tmp_path):
    """Rows to predict from: names of rows, and a class without any label."""
    path = tmp_path / "new.csv.gz"
    path.write_bytes(
        gzip.compress(b',id,size,colour,class\na,7,0.5,red,\n"b,c",8,NA,"",\n')
    )
    return path


def test_names_of_rows_stand_beside_the_answers(flowers, new):
    workdir, _ = flowers
    flags = ["predict", f"--workdir={workdir}", f"--input={new}"]
    code, out, _ = strata(*flags)
    header, *lines = csv.reader(out.splitlines())
    assert (code, header[:2]) == (0, ["", "class"])
    assert [line[0] for line in lines] == ["a", "b,c"]
    code, out, _ = strata(*flags, "--format=jsonl")
    found = [json.loads(line) for line in out.splitlines()]
    assert [row["row"] for row in found] == ["a", "b,c"]
    assert found[0]["class"] == lines[0][1]


@pytest.mark.parametrize(
    ("keep", "columns"),
    [
        ("id", ["", "id"]),
        ("colour,id", ["", "colour", "id"]),
        ("all", ["", "id", "size", "colour", "input.class"]),
    ],
)
def test_columns_are_kept_beside_the_answers(flowers, new, keep, columns):
    workdir, _ = flowers
    flags = [f"--workdir={workdir}", f"--input={new}", f"--keep={keep}"]
    code, out, _ = strata("predict", *flags)
    header, *lines = csv.reader(out.splitlines())
    assert (code, header[: len(columns) + 1]) == (0, [*columns, "class"])
    cells = {"": "b,c", "id": "8", "size": "NA", "colour": "", "class": ""}
    assert lines[1][: len(columns)] == [
        cells[name.removeprefix("input.")] for name in columns
    ]


def test_names_that_meet_get_a_number(flowers, tmp_path):
    workdir, _ = flowers
    path = tmp_path / "new.csv"
    names = ["row", "class", "input.class", "input.class.1"]
    path.write_text(f",size,colour,{','.join(names)}\na,0.5,red,b,c,d,e\n")
    flags = [f"--workdir={workdir}", f"--input={path}", "--keep=all"]
    code, out, _ = strata("predict", *flags)
    header, line = csv.reader(out.splitlines())
    kept = ["row", "input.class.2", "input.class", "input.class.1"]
    assert (code, header[:7]) == (0, ["", "size", "colour", *kept])
    assert line[:7] == ["a", "0.5", "red", *"bcde"]
    assert len(set(header)) == len(header)
    code, out, _ = strata("predict", *flags, "--format=jsonl")
    found = json.loads(out)
    assert [found[name] for name in ("row.1", *kept)] == [*"abcde"]
    assert found["class"] == line[header.index("class")]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--keep=idd"], "'idd' is no column of new.csv; did you mean 'id'?"),
        (["--keep=id", "--format=npy", "--output=p"], "--keep is for CSV"),
        (["--keep=id", "--input=x.npy"], "names columns of a table"),
        (["--input=other.csv"], "other columns to keep ('id'; none)"),
        (["--input=t.xlsx"], "save the sheet as CSV UTF-8"),
    ],
)
def test_what_cannot_be_kept_is_one_line(
    flowers, tmp_path, monkeypatch, flags, words
):
    workdir, _ = flowers
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("id,size,colour\n1,2,red\n")
    (tmp_path / "other.csv").write_text("size,colour\n2,red\n")
    (tmp_path / "t.xlsx").write_bytes(b"PK\3\4")
    np.save("x.npy", np.zeros((2, 6), np.float32))
    if "--input=other.csv" in flags:
        (tmp_path / "new.csv").write_text("Unnamed: 0,size,colour\n1,2,red\n")
        words = words.replace("'id'", "'Unnamed: 0'")
    code, out, err = strata(
        "predict", f"--workdir={workdir}", "--input=new.csv", *flags
    )
    assert (code, out) == (MISTAKE, "")
    assert words in err


def test_a_column_of_no_single_values_is_refused_where_it_is_read(
    flowers, tmp_path
):
    workdir, _ = flowers
    columns = {"size": ["2"], "colour": ["red"], "id": [1]}
    for name, cells in {
        "colour": pa.array([b"red"]),
        "id": pa.array([[1]]),
        "more": pa.array([{"a": 1}]),
    }.items():
        path = tmp_path / f"{name}.parquet"
        parquet.write_table(pa.table(columns | {name: cells}), path)
        code, out, err = strata(
            "predict", f"--workdir={workdir}", f"--input={path}", "--keep=id"
        )
        if name == "more":  # which nothing reads
            assert (code, err) == (0, "")
            continue
        assert (code, out) == (MISTAKE, "")
        assert f"{path}: column {name!r} holds " in err
        assert "no number, text or time" in err


@pytest.mark.slow  # trains a run
def test_rows_of_arrays_are_told_from_what_is_kept(trained, tmp_path):
    workdir = trained("regression")
    run = trained_run.read(workdir)
    x = np.arange(20.0).reshape(2, 10)
    names = [f"x{i}" for i in range(10)]
    lines = [[f"r{i}", i, *row] for i, row in enumerate(x.tolist())]
    text_of()([["", "id", *names], *lines], tmp_path / "x.csv")
    found = rows.open_file(tmp_path / "x.csv", run.layout, keep="id")
    (block,) = found.blocks(9)
    assert block.tolist() == x.tolist()
    assert list(found.kept()) == [("r0", "0"), ("r1", "1")]
    text_of()([line[:1] + line[2:] for line in [["", "id", *names], *lines]],
              tmp_path / "x.csv")  # fmt: skip
    found = rows.open_file(tmp_path / "x.csv", run.layout)
    (block,) = found.blocks(9)
    assert block.tolist() == x.tolist()
    assert list(found.kept()) == [("r0",), ("r1",)]
    parquet.write_table(
        pa.table(dict(zip(names, x.T, strict=True))), tmp_path / "x.parquet"
    )
    (block,) = rows.open_file(tmp_path / "x.parquet", run.layout).blocks(9)
    assert block.tolist() == x.tolist()


@pytest.mark.slow
def test_evaluate_and_export_take_a_table_as_it_is(flowers, table, tmp_path):
    workdir, _ = flowers
    path = tmp_path / "t.parquet"
    table[1][-1] = ""
    KINDS["t.parquet"]([["id", *table[0][1:]], *table[1:]], path)
    flags = [f"--workdir={workdir}", f"--data_dir={path}"]
    code, out, err = strata("evaluate", *flags, "--split=all")
    assert code == 0, err
    assert "all split, 119 rows" in out
    assert "t.parquet: 1 row has no label ('kind'), left out" in out
    code, out, err = strata("export", *flags)
    assert code == 0, err
    assert "saved_model of cells: 120 rows compared" in out
