"""Names of columns and files as programs write them, and rows without label."""

import bz2
import gzip
import io
import lzma
import sys
import tarfile

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pyarrow import feather
from pyarrow import parquet

from tests.sources.loading import refusal
from trainer import sources
from trainer.config import DataConfig
from trainer.tables import text_file
from trainer.tables.opening import holds_text
from trainer.tables.opening import open_table


def load(path, **changes):
    config = DataConfig(source="files", **changes)
    return sources.load(config, seed=1, data_dir=str(path))


def write(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


HEADERS = {
    "a,b,a,a": ("a", "b", "a.1", "a.2"),
    "a,a.1,a,y": ("a", "a.1", "a.2", "y"),
    "a,a,a.1,y": ("a", "a.2", "a.1", "y"),
    "\ufeff\ufeffa,b\u200b,\u2764\ufe0f,y": ("a", "b", "\u2764\ufe0f", "y"),
    "a,,y,": ("a", "column 2", "y", "column 4"),
    "a,,column 2,y": ("a", "column 2.1", "column 2", "y"),
    ",a,,y": ("a", "column 3", "y"),
    '"",a,b,y': ("a", "b", "y"),
    "Unnamed: 0,a,b,y": ("a", "b", "y"),
    "Unnamed: 0.1,Unnamed: 0,b,y": ("Unnamed: 0", "b", "y"),
    " ,a,b,y": ("a", "b", "y"),
}


def test_years_name_columns_from_the_newest_or_the_oldest(tmp_path):
    for years in ("2021,2022,2023", "2023,2022,2021"):
        path = write(tmp_path, f"land,{years},y\na,1,2,3,0\nb,3,2,1,1\n")
        assert open_table(path).names == ("land", *years.split(","), "y")
    for years in ("2023,2021,2022", "2022,2021", "3,2,1"):
        path = write(tmp_path, f"land,{years}\na,1,2\n")
        assert "data and no header" in refusal(open_table, path)


@pytest.mark.parametrize(
    ("line", "is_noted"),
    [
        ("0,1,2,3", False),
        ("1,2,3,y", False),
        ("0,1,y", True),
        ("3,7,y", True),
        ("10,20,50,y", True),
        ("1990,2000,2010,y", True),
        (",".join(f"{n}.5" for n in range(400, 410)) + ",y", True),
    ],
)
def test_numbers_that_rise_are_names_and_it_is_said(tmp_path, line, is_noted):
    row = ",".join("1" for _ in line.split(","))
    file = open_table(write(tmp_path, f"{line}\n{row}\n"))
    assert file.names == tuple(line.split(","))
    assert [n[:6] for n in file.notes] == ["line 1"] * is_noted


def test_what_is_no_number_but_to_python_is_a_name(tmp_path):
    path = write(tmp_path, "inf,nan,y\n1,2,0\n3,4,1\n")
    assert open_table(path).names == ("inf", "nan", "y")


@pytest.mark.parametrize(
    "line", ["0.2,1.4,3.5,5.1,setosa", "0.5,1,y", "1,2,inf,y", "1,nan,y"]
)
def test_a_few_fractions_that_rise_are_data(tmp_path, line):
    path = write(tmp_path, f"{line}\n{line}\n")
    assert "data and no header" in refusal(open_table, path)


def lines_of(*cells):
    return "".join(f"{line}\n" for line in cells)


@pytest.mark.parametrize(
    "rows",
    [
        ("1.5,ham", "2.5,spam", "3,ham"),
        ("0,1;1,1;b", "1;2,5;a"),
        ("$1.50,$1.25,b", "$1,$2,a"),
        ("1%,1%,b", "2%,1%,a"),
        ("1 kg,1 cm,b", "2 kg,1 cm,a"),
        ("01:15,b", "02:15,a"),
        ("2024-01-02,1.5,b", "2024-01-03,NA,a"),
        ("-1,b", "1,a"),
        ("5,ham", "7,spam", "9,ham"),
    ],
)
def test_a_first_line_that_is_written_as_those_below_is_data(tmp_path, rows):
    path = write(tmp_path, lines_of(*rows))
    assert "data and no header" in refusal(open_table, path)


def test_a_first_line_of_texts_that_stand_below_it_is_data(tmp_path):
    rows = [f"{a},{b},{y}" for a in "xob" for b in "xob" for y in "pq"]
    path = write(tmp_path, lines_of(*rows))
    assert "'x, x, p', which is data" in refusal(open_table, path)
    # Names stand in two columns, in too few rows, or in joined files.
    for some in (["a,x,p", *rows[1:]], rows[:8], [rows[0], *rows[1:2] * 9]):
        assert len(open_table(write(tmp_path, lines_of(*some))).names) == 3
    path = write(tmp_path, lines_of("a,b,y", *rows[:9], "a,b,y", *rows[:3]))
    assert open_table(path).names == ("a", "b", "y")


@pytest.mark.parametrize(
    ("rows", "is_noted"),
    [
        (("25%,50%,75%,y", "1%,2%,3%,a"), True),
        (("10:00,11:00,12:00,y", "10:01,11:01,12:01,a"), True),
        (("25%,10%,y", "1,2,a"), False),
        (("2B,5 km,y", "1,24:13,a"), False),
        (("who,1/22/20,1/21/20,y", "x,1,2,a"), False),
        ((",0.5", "a,1.5"), False),
        (("0,y", "1.5,a", "2.5,b"), False),
        (("-1,y", "a,1"), False),
    ],
)
def test_other_lines_are_names(tmp_path, rows, is_noted):
    file = open_table(write(tmp_path, lines_of(*rows)))
    assert file.columns == tuple(rows[0].split(","))
    assert ["its numbers rise" in n for n in file.notes].count(True) == is_noted


@pytest.mark.parametrize("header", HEADERS)
def test_a_column_without_a_name_of_its_own_gets_one(tmp_path, header):
    path = write(tmp_path, header + "\n1,2,3,4\n2,3,4,5\n")
    file = open_table(path)
    assert file.names == HEADERS[header]
    assert (file.row_names == ()) == (len(file.names) == 4)
    assert file.notes or "Unnamed" in header or "\ufeff" in header
    (block,) = file.blocks()
    assert block.columns[file.names[-1]] == ("4", "5")


@pytest.mark.parametrize(
    "rows",
    [
        "1,2,3\n",  # one row tells nothing
        "5,1,2\n5,3,4\n",  # a name stands once
        "0.5,1,2\n0.7,3,4\n",  # a measure is no name
        "a,1,2\n1,3,4\n",
        "1,2,3\n4,5\n",
    ],
)
def test_rows_that_are_longer_than_the_header_are_refused(tmp_path, rows):
    assert "line 2 has 3 cells" in refusal(
        load, write(tmp_path, "a,y\n" + rows)
    )


@pytest.mark.parametrize("header", ["a,y,", "a,y"])
def test_a_late_value_without_a_columns_name_is_refused(tmp_path, header):
    rows = [f"{n},{n % 2}," for n in range(30)]
    path = write(tmp_path, "\n".join([header, *rows]))
    blocks = open_table(path).blocks()
    assert [set(block.columns) for block in blocks] == [{"a", "y"}]
    path = write(tmp_path, "\n".join([header, *rows, "1,0,late"]))
    line = refusal(list, open_table(path).blocks())
    assert "line 32 has 'late' in column 3, which has no name" in line


@pytest.mark.parametrize("header", ["a,b,y,,", "a,b,y"])
@pytest.mark.parametrize("mark", [",", ";"])
def test_empty_columns_at_the_end_are_left_out(tmp_path, header, mark):
    rows = [f"{n},{n % 3},{n % 2},," for n in range(30)]
    text = "\n".join([header, *rows]).replace(",", mark)
    file = open_table(write(tmp_path, text))
    assert file.names == ("a", "b", "y")
    assert not file.notes
    path = write(tmp_path, text + f"\n1{mark}2{mark}0{mark}late{mark}")
    line = refusal(list, open_table(path).blocks())
    assert "line 32 has 'late' in column 4, which has no name" in line


def test_a_decimal_comma_in_a_lone_column_makes_no_row_names(tmp_path):
    file = open_table(write(tmp_path, "x\n1,5\n2,5\n3,7\n"))
    assert file.row_names == ()
    assert "line 2 has 2 cells" in refusal(list, file.blocks())
    assert open_table(write(tmp_path, "x\na,5\nb,7\n")).row_names == ("",)


@pytest.mark.parametrize(
    ("rows", "are_names"),
    [
        ("20,5,0\n21,2,1\n", False),
        ("7,5,0\n3,2,1\n", False),
        ("7,5.1,0\n3,4.9,1\n", True),
        ("0,5,0\n1,2,1\n", True),
        ("1,5,0\n2,2,1\n", True),
        ('"7",5,0\n"3",2,1\n', True),
        ("a,5,0\nb,2,1\n", True),
        ("7\t5\t0\n3\t2\t1\n", True),
    ],
)
def test_decimal_commas_make_no_row_names(tmp_path, rows, are_names):
    mark = "\t" if "\t" in rows else ","
    file = open_table(write(tmp_path, f"x{mark}y\n{rows}"))
    assert file.row_names == (("",) if are_names else ())
    if not are_names:
        assert "line 2 has 3 cells" in refusal(list, file.blocks())


def test_names_of_rows_may_be_named(tmp_path):
    rows = "".join(f"{'ab'[i % 2]},{i},{i % 3}\n" for i in range(12))
    path = write(tmp_path, "Unnamed: 0,size,y\n" + rows)
    ignored = load(path, ignore=("Unnamed: 0",))
    assert ignored.encoding.features == ("size",)
    labels = load(path, target="Unnamed: 0")
    assert labels.encoding.features[:1] == ("size",)
    assert labels.class_names == ("a", "b")


def test_the_delimiter_is_the_one_that_the_rows_have_too(tmp_path):
    text = "weight, in kg, dry;size;kind\n1,5;2;a\n2,5;3;b\n"
    assert open_table(write(tmp_path, text)).how_parted == "parted by ';'"
    text = "unit price\tsize, kind\n3\t4\n"
    assert open_table(write(tmp_path, text)).how_parted == "parted by '\\t'"
    # A file whose rows are broken is read by its header.
    file = open_table(write(tmp_path, "a;b;c\n1;2\n"))
    assert file.how_parted == "parted by ';'"
    assert "line 2 has 2 cells" in refusal(list, file.blocks())


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("x (m, s);y\n1,5;0\n2,5;1\n", ";"),
        ("x (m, s);y\n1,5 %;a\n-2,5 %;b\n", ";"),
        ("temp, C\ty\n1,5\t0\n2,5\t1\n", "\t"),
        ("time, s\ttemp, C\n1,5\t20,25\n2,5\t21,5\n", "\t"),
        ("a, b;c, d;e, f;y\n1,5;2,5;3,5;0\n", ";"),
        ("last, first;size\nDoe, J;1,5\nRoe, Ann;2,5\n", ";"),
        ("last, first;y\nDoe, Jane;1\nRoe, Ann;0\n", ";"),
        ("a;b,name,y\n1;2,foo,0\n3;4,bar,1\n", ","),
        ("a|b,c,y\nx|1,2,foo\nz|3,4,bar\n", ","),
        ("a,b\n", ","),
    ],
)
def test_of_delimiters_that_fit_one_parts_all_cells(tmp_path, text, delimiter):
    file = open_table(write(tmp_path, text))
    assert file.how_parted == f"parted by {delimiter!r}"


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ('"a" ;"b" ;"y"\n"1" ;"2" ;"p" \n', ";"),
        ('"a" , "b" , "y"\n1, 2,"p" \n', ","),
        ('"a" \t"b" \t"y"\n"1" \t"2" \t"p"\n', "\t"),
        ('a,b,y\n1,2,"p" \n', ","),
        ('a;"b" ;y\n1;"2";"p"\n', ";"),
        ('"a" "b" "y"\n"1" "2" "p"\n', " "),
    ],
)
def test_blanks_behind_a_quote_part_nothing(tmp_path, text, delimiter):
    file = open_table(write(tmp_path, text))
    assert file.how_parted == f"parted by {delimiter!r}"
    (block,) = file.blocks()
    assert block.columns == {"a": ("1",), "b": ("2",), "y": ("p",)}


@pytest.mark.parametrize(
    "text",
    [
        "'a','b','y'\n'5.5','it''s, so','p'\n",
        "'a' ; 'b' ; 'y'\n5.5;'it''s, so';p\n",
        "sep=;\n'a';'b';'y'\n5.5;it's, so;p\n",
    ],
)
def test_apostrophes_quote_where_they_quote_every_name(tmp_path, text):
    (block,) = open_table(write(tmp_path, text)).blocks()
    assert block.columns == {"a": ("5.5",), "b": ("it's, so",), "y": ("p",)}
    path = write(tmp_path, "'a','y'\n'x'z,1\n")
    assert "line 2 cannot be read" in refusal(list, open_table(path).blocks())
    for name in ("'tis", "it's", "o'"):
        path = write(tmp_path, f"{name},y\n{name},1\n")
        (block,) = open_table(path).blocks()
        assert block.columns == {name: (name,), "y": ("1",)}


@pytest.mark.parametrize("title", ["My export 2024", "# comment"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_line_above_the_header_is_told_as_such(tmp_path, title, mark):
    rows = "name,size,y\na,1.5,0\nb,2.5,1\n".replace(",", mark)
    line = refusal(open_table, write(tmp_path, f"{title}\n\n{rows}"))
    assert "line 1" in line
    assert repr(title) in line
    assert "('name, size, y'); take out what stands above it" in line


@pytest.mark.parametrize("text", ["My report,,,\n", "My report,,,\n,,,\n"])
def test_a_padded_title_is_told_as_such(tmp_path, text):
    rows = "id,name,price,qty\n1,a,1.5,3\n2,b,2.5,4\n"
    line = refusal(open_table, write(tmp_path, text + rows))
    assert "line 1 ('My report') seems to be no header, and a line" in line
    assert "'id, name, price, qty'" in line
    for good in ("a,b,c\nd,e,f\n", "a,b,1\nc,d,2\n", "a,NA,c\nd,1,f\n"):
        file = open_table(write(tmp_path, f"id,,\n{good}"))
        assert file.names == ("id", "column 2", "column 3")


def test_lines_above_the_header_are_told_of(tmp_path):
    path = write(tmp_path, "title\n# comment\na,b,y\n1,2,0\n")
    line = refusal(list, open_table(path).blocks())
    assert "line 3 has 3 cells and the header has 1" in line
    assert "take out what stands above the columns' names" in line
    path = write(tmp_path, "title\n# comment\na;b;y\n1;2;0\n")
    assert "let the first line name them" in refusal(load, path)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,0\n2,1\n(2 rows affected)\n",
        " a | b\n---+---\n 1 | 0\n 2 | 1\n",
    ],
)
def test_a_line_that_is_no_row_is_to_be_taken_out(tmp_path, text):
    line = refusal(list, open_table(write(tmp_path, text)).blocks())
    assert "take it out if it is no row" in line
    assert "quotes" not in line


def test_lines_are_counted_as_an_editor_does(tmp_path):
    path = write(tmp_path, "sep=;\na;y\n1;0\n2;1;3\n")
    assert "line 4 has 3 cells" in refusal(load, path)


def test_what_was_made_of_a_file_is_told(tmp_path):
    text = ",a,b,a,y\n" + "".join(
        f"{i},1{i},{i % 3},{i % 4},{('x', 'y', '', 'NA')[i % 4]}\n"
        for i in range(40)
    )
    dataset = load(write(tmp_path, text))
    assert dataset.notes == (
        "t.csv: the first column has no name of its own: it names the rows, and"
        " is no feature",
        "t.csv: named as another column, numbered: 'a.1'",
        "t.csv: 20 rows have no label ('y'), left out",
    )
    assert dataset.class_names == ("x", "y")
    assert sum(s.examples for s in dataset.splits.values()) == 20
    assert set(dataset.splits["train"].x[:, -1].tolist()) == {0, 1}


@pytest.mark.parametrize("labels", [("x", "y"), ("0", "1"), ("0.5", "2.5")])
@pytest.mark.parametrize("gap", ["", " ", "NA", "NaN", "n/a", "null", "?"])
def test_rows_without_a_label_are_left_out(tmp_path, labels, gap):
    rows = [f"{i},{labels[i % 2]}\n" for i in range(20)]
    plain = load(write(tmp_path, "a,y\n" + "".join(rows), "t.csv"))
    rows[3:3] = [f"77,{gap}\n"] * 2
    found = load(write(tmp_path, "a,y\n" + "".join(rows), "u.csv"))
    assert sources.fingerprint(found) == sources.fingerprint(plain)
    assert found.encoding == plain.encoding
    assert found.notes == ("u.csv: 2 rows have no label ('y'), left out",)


def test_a_split_without_any_label_is_refused(tmp_path):
    write(tmp_path, "a,y\n1,0\n2,1\n", "train.csv")
    write(tmp_path, "a,y\n1,\n2,\n", "test.csv")
    assert "test.csv: column 'y' has no value" in refusal(load, tmp_path)


NAMES = [
    "t.tsv",
    "t.txt",
    "t.TXT",
    "t.tab",
    "t.csv.gz",
    "t.tsv.bz2",
    "t.txt.xz",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_found_by_its_files_name(tmp_path, name):
    text = "a;y\n" + "1;0\n2;1\n" * 9
    path = write(tmp_path, text, name)
    write(tmp_path, "# About", "README.md")
    by_file, by_folder = load(path), load(tmp_path)
    assert by_file.name == by_folder.name == "t"
    assert sources.fingerprint(by_file) == sources.fingerprint(by_folder)


def test_splits_may_be_of_other_kinds(tmp_path):
    write(tmp_path, "a;y\n" + "1;0\n2;1\n" * 9, "train.txt")
    write(tmp_path, "y\ta\n0\t5\n", "test.txt")
    splits = load(tmp_path).splits
    assert splits["test"].x.tolist() == [[5]]
    # Beside a table, a text is a note.
    write(tmp_path, "a,y\n" + "1,0\n2,1\n" * 5, "train.csv.gz")
    assert load(tmp_path).splits["train"].examples == 8


def test_one_split_twice_is_refused(tmp_path):
    for name in ("train.csv", "train.tsv"):
        write(tmp_path, "a,y\n1,0\n2,1\n", name)
    assert "train.csv, train.tsv; it must" in refusal(load, tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t.xlsx", "save the sheet as CSV UTF-8"),
        ("t.XLS", "save the sheet as CSV UTF-8"),
        ("t.ods", "save the sheet as CSV UTF-8"),
        ("t.zip", "unpack it"),
        ("t.json", "write it as CSV"),
        ("t.rds", "R's write.csv"),
        ("t.tar.gz", "an archive, which is not read; unpack it"),
        ("t.json.gz", "is JSON, which"),
        ("t.csv.lz4", "is packed by LZ4, which is not read; unpack it, or"),
        ("t.csv.Z", "is packed by compress"),
        ("t.arff", "is ARFF"),
    ],
)
def test_other_kinds_are_refused_with_what_helps(tmp_path, name, words):
    path = write(tmp_path, "x", name)
    for where in (path, tmp_path):
        line = refusal(load, where)
        assert words in line
        assert name in line


def test_a_file_of_no_kind_is_refused_with_those_there_are(tmp_path):
    line = refusal(load, write(tmp_path, "a,y\n1,0\n", "adult.data"))
    assert ".csv, .tsv" in line
    assert "rename it" in line


@pytest.mark.parametrize(
    "begin", [b"PK\3\4", b"\xd0\xcf\x11\xe0", b"\x93NUMPY"]
)
def test_a_name_that_is_not_so_is_found_out(tmp_path, begin):
    assert "and no table" in refusal(load, write(tmp_path, begin + bytes(99)))


def tar_of(content):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as file:
        facts = tarfile.TarInfo("t.csv")
        facts.size = len(content)
        file.addfile(facts, io.BytesIO(content))
    return held.getvalue()


def stream_of(content):
    held = io.BytesIO()
    table = pa.table({"a": [*content]})
    with pa.ipc.new_stream(held, table.schema) as file:
        file.write_table(table)
    return held.getvalue()


TABLE = b"a,y\n1,0\n2,1\n"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"
ARFF = b"% Iris\n%  by Fisher\n\n@RELATION iris\n@ATTRIBUTE a NUMERIC\n"
SQL = b"-- a dump\n--\n\nINSERT INTO t (a, y) VALUES\n(1, 'p'),\n(2, 'q');\n"
CONTENTS = {
    "SQL": (SQL, "is an SQL script and no table"),
    "dump": (
        b"/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `t`;\n"
        b"CREATE TABLE `t` (\n `a` int\n);\n", "is an SQL script and no",
    ),
    "tar": (tar_of(TABLE), "is an archive and no table; unpack it"),
    "stream": (stream_of(TABLE), "is an Arrow stream and no table; write it"),
    "lzma": (
        lzma.compress(TABLE, lzma.FORMAT_ALONE), "is packed by LZMA and no",
    ),
    "PNG": (PNG, "is a picture and no table; save the pixels"),
    "packed": (gzip.compress(TABLE), "is packed twice and no table; unpack"),
    "JSON": (b'[\n {"a": 1, "y": 0}]', "is JSON and no table; write it"),
    "lines": (b'\xef\xbb\xbf{"a": 1, "y": 0}\n{"a": 2}', "is JSON and no"),
    "ARFF": (ARFF, "is ARFF and no table; write it as CSV"),
    "HTML": (b"\n<!DOCTYPE html>\n<html>", "is a web page and no table"),
}  # fmt: skip


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("kind", CONTENTS)
def test_what_a_file_holds_is_named(tmp_path, kind, is_packed):
    content, words = CONTENTS[kind]
    if is_packed:
        content = gzip.compress(content)
    elif kind == "packed":
        content = bz2.compress(content)
    assert words in refusal(load, write(tmp_path, content))


@pytest.mark.parametrize(
    "name", ["FEA1", "PAR1", "BZh91", "ARROW1", "SQLite f", "insert into"]
)
def test_a_column_called_as_a_format_begins_is_one(tmp_path, name):
    path = write(tmp_path, f"{name},y\n".encode() + b"1,0\n2,1\n" * 5)
    assert load(path).encoding.features == (name,)
    assert holds_text(path)
    assert not text_file.is_packed(path.read_bytes())


def test_a_torn_file_is_told_as_one_of_its_format(tmp_path):
    table = pa.table({"a": [1, 2], "y": [0, 1]})
    for suffix, write_table in (
        (".parquet", parquet.write_table),
        (".feather", feather.write_feather),
    ):
        path = tmp_path / f"t{suffix}"
        write_table(table, str(path))
        path.write_bytes(path.read_bytes()[:100])
        assert "cannot be read" in refusal(load, path)
    assert bz2.compress(b"")[:4] == b"BZh9"
    assert text_file.is_packed(bz2.compress(b""))


def test_a_long_comment_is_no_arff_and_takes_no_time(tmp_path):
    path = write(tmp_path, b"% " * 5000 + b"\n" + TABLE)
    assert "ARFF" not in refusal(load, path)


def test_frames_that_are_to_be_skipped_are(tmp_path):
    skipped = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
    parts = (b"a,y\n", b"1,0\n2,1\n" * 5)
    content = b"".join(skipped + zstandard.compress(part) for part in parts)
    path = write(tmp_path, content, "t.csv.zst")
    (block,) = open_table(path).blocks()
    assert block.columns["a"] == ("1", "2") * 5


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
def test_a_packed_file_that_is_damaged_is_one_line(tmp_path, kind):
    pack = {
        "gz": gzip.compress,
        "bz2": bz2.compress,
        "xz": lzma.compress,
        "zst": zstandard.compress,
    }[kind]
    draw = np.random.RandomState(0)
    text = "a,y\n" + "".join(f"{n},1\n" for n in draw.rand(999))
    content = pack(text.encode())
    middle = len(content) // 2
    harmed = content[:middle] + bytes(9) + content[middle + 9 :]
    for bad in (content[:middle], content[:-2], harmed):
        path = write(tmp_path, bad, f"t.csv.{kind}")
        refusal(load, path)
    write(tmp_path, content, f"t.csv.{kind}")


def test_zstandard_is_named_where_it_is_missing(tmp_path, monkeypatch):
    path = write(tmp_path, zstandard.compress(b"a,y\n1,2\n"), "t.csv.zst")
    monkeypatch.setitem(sys.modules, "zstandard", None)
    line = refusal(load, path)
    assert line.endswith(f"{sys.executable} -m pip install 'strata-mlp[zstd]'")
