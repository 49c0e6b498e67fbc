"""The tables of all splits are read as the training file says."""

import dataclasses

import pytest

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write
from trainer import sources
from trainer.process.exits import UserError
from trainer.sources import Encoding


def test_splits_of_their_own_are_kept(tmp_path):
    for name, rows in (("train", 9), ("test", 4), ("validation", 3)):
        lines = ROWS.splitlines(keepends=True)[:rows]
        write(tmp_path, HEADER + "".join(lines), f"{name}.csv")
    dataset = load("files", tmp_path, validation_fraction=0.3)
    counts = {name: s.examples for name, s in dataset.splits.items()}
    assert counts == {"train": 9, "validation": 3, "test": 4}
    assert dataset.name == tmp_path.name


def test_columns_of_other_splits_are_found_by_name(tmp_path):
    write(tmp_path, "a,b,y\n1,2,0\n3,4,1\n", "train.csv")
    write(tmp_path, "y;more;b;a\n1;x;20;10\n", "test.csv")
    test = load("files", tmp_path).splits["test"]
    assert (test.x.tolist(), test.y.tolist()) == ([[10, 20]], [1])


def test_splits_that_do_not_fit_are_refused(tmp_path):
    write(tmp_path, "a,b,y\n1,2,0\n3,4,1\n", "train.csv")
    write(tmp_path, "a,y\n1,0\n", "test.csv")
    assert "test.csv lacks the column 'b'" in refusal(load, "files", tmp_path)
    write(tmp_path, "a,b,y\n1,x,0\n", "test.csv")
    line = refusal(load, "files", tmp_path)
    assert "test.csv: column 'b' has 'x' in line 2" in line
    assert "training rows have numbers" in line


@pytest.mark.parametrize("unit", ["", " €"])
def test_thousands_beside_decimal_commas_are_settled_by_a_field(tmp_path, unit):
    rows = [f"{row},5;{row * 150}{unit};{'ab'[row % 2]}" for row in range(7)]
    rows += [f"0,25;1.{row}00{unit};a" for row in range(1, 9)]
    path = write(tmp_path, "\n".join(["price;size;kind", *rows]))
    line = refusal(load, "files", path)
    assert f"'size' has '1.100{unit}', which may be thousands" in line
    assert "where 'price' has decimal commas" in line
    for reading, size in (("decimal_point", 1.1), ("decimal_comma", 1100)):
        assert f"read_as=size={reading}" in line
        found = load("files", path, read_as=(f"size={reading}",))
        (x,) = {
            id(split.x): split.x for split in found.splits.values()
        }.values()
        assert x[7].tolist() == pytest.approx([0.25, size])


@pytest.mark.parametrize("unit", ["", " €"])
def test_thousands_that_training_rows_have_none_of_are_refused(tmp_path, unit):
    rows = [f"{row},5;{row * 150}{unit};{'ab'[row % 2]}" for row in range(6)]
    write(tmp_path, "\n".join(["len;price;kind", *rows]), "train.csv")
    test = write(tmp_path, f"len;price;kind\n1,5;1.5{unit};a\n", "test.csv")
    found = load("files", tmp_path)
    encoding = Encoding.from_json(found.encoding.to_json())
    plain = {"len": ["1,5"] * 5}
    prices = ["0.125", "1.5", "950.0", "1234.567", "1.2345"]
    x = encoding.encode(plain | {"price": [f"{p}{unit}" for p in prices]})
    assert x[:, 1].tolist() == pytest.approx([float(p) for p in prices])
    with pytest.raises(UserError, match=r"may part thousands.*read_as"):
        encoding.encode({"len": ["2,5"], "price": [f"1.234{unit}"]})
    test.write_text(f"len;price;kind\n1,5;1.234{unit};a\n")
    assert "may part thousands" in refusal(load, "files", tmp_path)
    found = load("files", tmp_path, read_as=("price=decimal_comma",))
    assert found.splits["test"].x.tolist() == [[1.5, 1234]]


def semicolons(*cells, other="1"):
    rows = [f"{cell};{other};{n % 2}" for n, cell in enumerate(cells * 3)]
    return "\n".join(["price;a;y", *rows])


def test_thousands_beside_hundreds_are_settled_by_a_field(tmp_path):
    text = semicolons("950", "1.200", "12.500", "NA")
    line = refusal(load, "files", write(tmp_path, text))
    assert "'1.200', which may be thousands or decimals beside '950'" in line
    for reading, price in (("decimal_point", 1.2), ("decimal_comma", 1200)):
        assert f"read_as=price={reading}" in line
        found = load("files", tmp_path, read_as=(f"price={reading}",))
        assert found.splits["train"].x[1, 0] == pytest.approx(price)


@pytest.mark.parametrize(
    "text",
    [
        semicolons("950", "1.200", "0.125"),
        semicolons("950", "1.200", "1.25"),
        semicolons("95", "1.200", "12.500"),
        semicolons("1.000", "1.200", "100.000"),
        semicolons("950", "1.200", other="0.5"),
        semicolons("950", "1.200").replace(";", ","),
    ],
)
def test_points_are_before_decimals_where_it_is_likely(tmp_path, text):
    found = load("files", write(tmp_path, text))
    assert found.splits["train"].x[1, 0] == pytest.approx(1.2)


def months(*cells):
    rows = [f"{cell},{n},{n % 2}" for n, cell in enumerate(["NA", *cells] * 5)]
    return "\n".join(["when,a,y", *rows])


@pytest.mark.parametrize(
    "cells", [("01.2024", "12.2023"), ("1.2023", "2.2023", "12.2024")]
)
def test_months_that_may_be_decimals_are_settled_by_a_field(tmp_path, cells):
    line = refusal(load, "files", write(tmp_path, months(*cells)))
    assert f"'when' has {cells[0]!r}, which may be a month" in line
    assert "read_as=when=text" in line
    found = load("files", tmp_path, read_as=("when=decimal_point",))
    assert found.encoding.features == ("when", "when missing", "a")


@pytest.mark.parametrize(
    "cells", [("1.2034", "1.1987", "2.2012"), ("01.2024", "1.5"), ("0.2024",)]
)
def test_decimals_are_no_months(tmp_path, cells):
    load("files", write(tmp_path, months(*cells)))


TELLING = ["0.125", "1500", "1.5", ".5"]


@pytest.mark.parametrize("cell", TELLING)
def test_a_cell_tells_that_points_are_before_decimals(tmp_path, cell):
    rows = [f"{row},5;1.{row}00;{'ab'[row % 2]}" for row in range(1, 9)]
    text = "\n".join(["price;size;kind", *rows, f"1,5;{cell};a"])
    assert load("files", write(tmp_path, text)).encoding.features == (
        *("price", "size"),
    )


WEIGHTS = {
    "decimal commas": ("", lambda i: f"{i % 3},{i % 2}"),
    "told by the config": ("w=decimal_comma", lambda i: f"1,{i % 9}00"),
    "a unit": ("", lambda i: f"{i % 3 + 1} kg"),
    "of a small spread": ("", lambda i: f"{100_000_000 + i}"),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_a_runs_data_have_their_weights_again(tmp_path, case):
    read_as, weight = WEIGHTS[case]
    rows = (f"{i};{weight(i)};{'ab'[i % 2]}\n" for i in range(40))
    write(tmp_path, "a;w;y\n" + "".join(rows))
    fields = {"weight": "w", "read_as": (read_as,) if read_as else ()}
    first = load("files", tmp_path, **fields)
    again = load("files", tmp_path, encoding=first.encoding, **fields)
    assert sources.fingerprint(again) == sources.fingerprint(first)


PATIENTS = {
    "texts that few rows share": lambda i: f"patient no. {i // 2}",
    "texts and numbers": lambda i: f"{i // 2}{'ab'[i % 4 // 2] * (i % 3 > 1)}",
    "days or months": lambda i: f"0{i // 60 + 1}/0{i // 20 % 3 + 1}/2024",
    "prose": lambda i: "word " * 60 + str(i // 20),
    "whole numbers beyond 2^53": lambda i: str(2**60 + i // 20),
}


@pytest.mark.parametrize("kind", PATIENTS)
def test_groups_are_texts_whatever_they_look_like(tmp_path, kind):
    names = [PATIENTS[kind](i) for i in range(200)]
    rows = (f"{n},{i % 7},{'ab'[i % 2]}\n" for i, n in enumerate(names))
    path = write(tmp_path, "patient,size,kind\n" + "".join(rows))
    found = load("files", path, group="patient")
    assert found.encoding.features == ("size",)
    sides = [{names[i] for i in s.rows} for s in found.splits.values()]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == len(set(names))


def test_groups_in_files_of_two_splits_are_told(tmp_path):
    head, rows = "patient,size,kind\n", "a1,1,x\nb2,2,y\nc3,3,x\nc3,3,y\n"
    write(tmp_path, head + rows, "train.csv")
    write(tmp_path, head + "d4,1,x\nc3,1,y\n", "test.csv")
    (note,) = load("files", tmp_path, group="patient").notes
    assert "test.csv has rows of 1 of its 2 groups of 'patient'" in note
    assert note.startswith("WARNING") and "such as 'c3'" in note
    write(tmp_path, head + "d4,1,x\ne5,1,y\n", "test.csv")
    assert not load("files", tmp_path, group="patient").notes
    # pandas writes whole numbers so where one of them is missing.
    write(tmp_path, head + rows.replace("c3", "7.0"), "train.csv")
    write(tmp_path, head + "d4,1,x\n7,1,y\n", "test.csv")
    (note,) = load("files", tmp_path, group="patient").notes
    assert "such as '7'" in note


def test_floats_are_the_groups_and_labels_of_whole_numbers(tmp_path):
    cells = [("7", "1"), ("7.0", "1.0"), ("8", "x"), ("8.0", "x")] * 20
    rows = (f"{g},{i % 7},{y}\n" for i, (g, y) in enumerate(cells))
    path = write(tmp_path, "patient,size,kind\n" + "".join(rows))
    found = load("files", path, group="patient")
    assert found.class_names == ("1", "x")
    sides = [{cells[i][0][0] for i in s.rows} for s in found.splits.values()]
    assert sides[0].isdisjoint(sides[1])
    # A run of an earlier version has them apart.
    earlier = dataclasses.replace(found.encoding, spells_alike=False)
    again = Encoding.from_json(earlier.to_json())
    found = load("files", path, group="patient", encoding=again)
    assert found.class_names == ("1", "1.0", "x")
