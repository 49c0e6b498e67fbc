"""A text file is closed once it is read or refused, whoever holds the error."""

import os
import pathlib

import pytest

from tests.sources.loading import refusal
from tests.sources.loading import write
from trainer.process.exits import UserError
from trainer.tables import text_file
from trainer.tables.csv_file import CsvFile
from trainer.tables.csv_file import open_csv
from trainer.tables.opening import open_table

HEAD = "age,label\n"
ROWS = "1,oak\n" * 30


def is_open(path: pathlib.Path) -> bool:
    """Whether this process holds a file open."""
    links = pathlib.Path("/proc/self/fd").iterdir()
    return str(path) in [os.readlink(link) for link in links if link.exists()]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('1,"oak"s\n', "line 32 cannot be read"),
        ("1\n", "line 32 has 1 cells and the header has 2"),
        ("1,\0\n", "line 32 holds zero bytes"),
        ("1,\udcff\n", "line 32 is no UTF-8 text"),
    ],
)
def test_a_refused_file_is_closed(tmp_path, line, words):
    path = tmp_path / "data.csv"
    path.write_text(HEAD + ROWS + line + ROWS, errors="surrogateescape")
    file = open_csv(path)
    assert isinstance(file, CsvFile)
    with pytest.raises(UserError, match=words) as held:
        list(file.blocks(10))
    # The error's frames hold what they read from.
    assert held.value.__traceback__ is not None
    assert not is_open(path)


def test_a_file_without_a_header_that_can_be_read_is_closed(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('"age"s,label\n' + ROWS)
    with pytest.raises(UserError, match="cannot be read") as held:
        open_csv(path)
    assert held.value.__traceback__ is not None
    assert not is_open(path)


def test_who_reads_no_further_closes_it(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(HEAD + ROWS)
    blocks = open_csv(path).blocks(10)
    assert len(next(blocks).places.numbers) == 10
    assert is_open(path)
    del blocks
    assert not is_open(path)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("x\n1\n\n3\n", {2: "1", 3: "", 4: "3"}),
        ("x\r\n\r\n\r\n1\r\n\r\n\r\n", {2: "", 3: "", 4: "1"}),
        ("x\r\r\n1\r\r\n\r\r\n3\r\r\n\r\r\n", {2: "1", 3: "", 4: "3"}),
        ("x\r1\r\r3\r", {2: "1", 3: "", 4: "3"}),
        ("x\n\n", {}),
        ("x,y\n1,2\n\n3,4\n\n", {2: "1", 4: "3"}),
    ],
)
def test_an_empty_line_between_rows_of_one_column_is_a_row(
    tmp_path, text, rows
):
    path = tmp_path / "data.csv"
    path.write_bytes(text.encode())
    found = {}
    for block in open_csv(path).blocks(2):
        found |= zip(block.places.numbers, block.columns["x"], strict=True)
    assert found == rows


TWO_FILES = "a,b,y\n" + "1,2,x\n" * 40


EMPTY = [
    pytest.param("a,b\n1,2\n" + "\n" * 30 + "3,4\n", id="delimiters"),
    pytest.param("\n" * 30, id="nothing else"),
    pytest.param("a\n" + "\n" * 30 + "1\n", id="a column"),
    pytest.param("a b\n1 2\n" + "  \n" * 30, id="blanks"),
]


@pytest.mark.parametrize("text", EMPTY)
def test_lines_are_not_read_on_of_which_far_more_are_empty(
    tmp_path, monkeypatch, text
):
    monkeypatch.setattr(text_file, "MOST_EMPTY_LINES", 20)
    path = write(tmp_path, text)
    with pytest.raises(UserError, match=r"line 2\d is empty, as 2\d lines ab"):
        list(open_csv(path).blocks())
    # As a program writes them that ends each line twice.
    path = write(tmp_path, "a,b\n\n" + "1,2\n\n" * 50)
    (block,) = open_csv(path).blocks()
    assert len(block.columns["a"]) == 50


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TWO_FILES * 3, "line 42 ('a,b,y') repeats the header"),
        (
            TWO_FILES + "\ufeff" + TWO_FILES,
            "line 42 ('a,b,y') repeats the header",
        ),
        ("a,b,y\na,b,y\n1,2,x\n", "line 2 ('a,b,y') repeats the header"),
        ("a,b,y\n-,-,-\n1,2,x\n", "line 2 ('-,-,-') rules the header off"),
        ("|a|b|\n|---|:-:|\n|1|2|\n", "line 2 ('|---|:-:|') rules"),
        ("a,b,y\nint,int,str\n1,2,x\n", "line 2 ('int,int,str') tells types"),
    ],
)
def test_a_line_that_belongs_to_a_header_is_no_row(tmp_path, text, words):
    file = open_table(write(tmp_path, text))
    line = refusal(list, file.blocks())
    assert words in line
    assert "take it out" in line
    assert ("where line 1 is data" in line) == ("repeats" in words)


@pytest.mark.parametrize(
    "text",
    [
        "0,1,y\n0,1,y\n0,1,n\n",
        "y\ny\nn\n",
        "a,b,y\n-,-,1\n-,2,0\n",
        "a,b,y\ntext,1,x\n",
        "a,b\n1,2\n-,-\n",
    ],
)
def test_a_row_may_look_like_one(tmp_path, text):
    file = open_table(write(tmp_path, text))
    rows = sum(len(block.places.numbers) for block in file.blocks())
    assert rows == text.count("\n") - 1


FILMS = "".join(f"{i}\tfilm {i % 3}\t{'pq'[i % 2]}\n" for i in range(30))


@pytest.mark.parametrize(
    "rows",
    [
        '30\t"Rome\tp\n31\tfilm 1\tq\n32\tEmpire"\tp\n',
        '30\t"Rome\tp\n31\tEmpire"\tq\n',
        '30\t"Rome\tp\r\n31\tfilm 1\tq\r\n32\tEmpire"\tp\r\n',
    ],
)
@pytest.mark.parametrize("mark", ["\t", ","])
def test_quotes_that_are_text_make_no_row_of_several(tmp_path, rows, mark):
    text = f"id\ttitle\ty\n{FILMS}{rows}{FILMS}".replace("\t", mark)
    line = refusal(list, open_table(write(tmp_path, text)).blocks())
    last = 31 + rows.count("\n")
    assert f"lines 32 to {last} seem to be rows" in line
    assert "put quotes around" in line


@pytest.mark.parametrize(
    ("header", "ordinary", "row"),
    [
        ("id,where,y", '{i},"Main St {i}",p', '7,"Oak St\nRome, EU",q'),
        ("id,where,y", "{i},Rome,p", '7,"Oak St, Rome\n10115, EU",p'),
        ("where,y", "Rome,p", '"Oak St 1, Rome\nEurope",p'),
        ("where,y", "Rome,{i}", '"Oak St 1, 10115\nBerlin",7'),
        ("where,y", "Rome,p", '"a, b\n\nc",p'),
    ],
)
def test_an_address_of_several_lines_is_a_cell(tmp_path, header, ordinary, row):
    rows = [ordinary.format(i=i) for i in range(20)]
    path = write(tmp_path, "\n".join([header, row, *rows, row]))
    (block,) = open_table(path).blocks()
    assert len(block.columns["where"]) == 22
    assert "\n" in block.columns["where"][-1]
