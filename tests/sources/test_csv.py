"""CSV as a source: what cells become, how rows are split, what is refused."""

import bz2
import csv
import gzip
import io
import json
import lzma
import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.hostile import hostile_csv
from tests.hostile import TEXT
from tests.sources.loading import HEADER
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write
from trainer import sources
from trainer import task
from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.sources import Encoding
from trainer.tables import column_gatherers
from trainer.tables import csv_file
from trainer.tables.encoding import file_blocks
from trainer.tables.number_column import NumberColumn
from trainer.tables.opening import open_table


def load(data_dir, encoding=None, **changes):
    config = DataConfig(source="files", **changes)
    return sources.load(
        config, seed=1, data_dir=str(data_dir), encoding=encoding
    )


def load_text(folder, text, **changes):
    write(folder, text)
    return load(folder, **changes)


def all_labels(dataset):
    return dataset.splits["train"].y


def test_numbers_are_features_and_names_are_classes(tmp_path):
    dataset = load_text(tmp_path, "a,b,kind\n" + "1,2.5,oak\n-3,4e1,ash\n" * 5)
    split = dataset.splits["train"]
    assert split.x.dtype == np.float32
    assert split.x[:2].tolist() == [[1, 2.5], [-3, 40]]
    assert dataset.class_names == ("ash", "oak")
    assert split.y[:2].tolist() == [1, 0]
    assert (dataset.name, dataset.kind) == ("data", "table")
    assert dataset.encoding.features == ("a", "b")
    assert {n: s.examples for n, s in dataset.splits.items()} == {
        "train": 8,
        "test": 2,
    }


def test_texts_are_a_feature_each_in_sorted_order(tmp_path):
    text = "".join(f"{c},1\n{c},0\n" for c in ("red", "blue", "True") * 5)
    dataset = load_text(tmp_path, "colour,y\n" + text)
    names = ("colour=True", "colour=blue", "colour=red")
    assert dataset.encoding.features == names
    assert dataset.splits["train"].x[::2][:3].tolist() == [
        [0, 0, 1],
        [0, 1, 0],
        [1, 0, 0],
    ]


@pytest.mark.parametrize(
    "gap", ["", " ", "NA", "n/a", "NaN", "null", "None", "?"]
)
def test_a_missing_number_is_the_median_and_is_marked(tmp_path, gap):
    train = f"size,y\n1,0\n2,1\n9,0\n{gap},1\n"
    write(tmp_path, train, "train.csv")
    write(tmp_path, f"size,y\n{gap},1\n5,0\n", "test.csv")
    splits = load(tmp_path).splits
    assert splits["train"].x.tolist() == [[1, 0], [2, 0], [9, 0], [2, 1]]
    assert splits["test"].x.tolist() == [[2, 1], [5, 0]]


def test_what_no_training_row_misses_has_no_mark(tmp_path):
    write(tmp_path, "size,colour,y\n1,red,0\n3,blue,1\n", "train.csv")
    write(tmp_path, "size,colour,y\n,,0\n7,green,1\n", "test.csv")
    dataset = load(tmp_path)
    assert dataset.encoding.features == ("size", "colour=blue", "colour=red")
    assert dataset.splits["test"].x.tolist() == [[2, 0, 0], [7, 0, 0]]


def test_a_missing_text_is_a_category_of_its_own(tmp_path):
    write(tmp_path, "colour,y\nred,0\n?,1\n", "train.csv")
    write(tmp_path, "colour,y\nNA,0\ngreen,1\n", "test.csv")
    dataset = load(tmp_path)
    assert dataset.encoding.features == ("colour=red", "colour missing")
    assert dataset.splits["test"].x.tolist() == [[0, 1], [0, 0]]


def test_held_out_rows_have_no_say_in_the_encoding(tmp_path):
    rows = [f"{i},c{i},{i % 2}\n" for i in range(20)]
    dataset = load_text(tmp_path, "size,name,y\n" + "".join(rows))
    train, test = (dataset.splits[name].rows for name in ("train", "test"))
    size, name = dataset.encoding.columns
    assert size.fill == np.median(train)
    assert name.categories == tuple(sorted(f"c{i}" for i in train))
    assert not dataset.splits["test"].x[test, 1:].any()


@pytest.mark.parametrize(
    ("cells", "dtype"),
    [
        (("0", "1"), np.int64),
        (("3", "-7"), np.int64),
        (("0.0", "1.0"), np.float64),
        (("1e3", "2"), np.float64),
        ((str(2**60), "2"), np.float64),
    ],
)
def test_labels_that_are_numbers_stay_numbers(tmp_path, cells, dtype):
    text = "a,y\n" + f"1,{cells[0]}\n2,{cells[1]}\n" * 3
    dataset = load_text(tmp_path, text)
    y = all_labels(dataset)
    assert (y.dtype, dataset.class_names) == (dtype, ())
    assert y[:2].tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(
    "gap", ["\u200b", "NA\u200b", "\u202aNA\u202c", "\xad"]
)
def test_a_label_of_marks_of_no_width_is_missing(tmp_path, gap):
    text = "a,y\n" + "1,oak\n2,ash\n3,\u202doak\u202c\n" * 5 + f"4,{gap}\n"
    dataset = load_text(tmp_path, text)
    assert dataset.class_names == ("ash", "oak")
    assert sum(s.examples for s in dataset.splits.values()) == 15


def test_groups_that_look_alike_are_one(tmp_path):
    looks = ("", "\u200b")
    rows = [f"{n},g{n % 5}{looks[n % 2]},{n % 3}\n" for n in range(30)]
    dataset = load_text(tmp_path, "a,g,y\n" + "".join(rows), group="g")
    assert len(np.unique(dataset.splits["train"].groups)) == 5


def test_none_is_a_label_where_labels_are_names(tmp_path):
    dataset = load_text(tmp_path, "a,y\n" + "1,none\n2,mild\n" * 3)
    assert dataset.class_names == ("mild", "none")


FORMS = {
    "semicolons": HEADER.replace(",", ";") + ROWS.replace(",", ";"),
    "tabs": HEADER.replace(",", "\t") + ROWS.replace(",", "\t"),
    "bars": HEADER.replace(",", "|") + ROWS.replace(",", "|"),
    "CRLF": (HEADER + ROWS).replace("\n", "\r\n"),
    "CR": (HEADER + ROWS).replace("\n", "\r"),
    "CR in quotes": '"size","colour","kind"\r'
    + ROWS.replace("red", '"red"').replace("\n", "\r"),
    "tabs and blanks": HEADER.replace(",", "\t ") + ROWS.replace(",", " \t"),
    "blanks": HEADER.replace(",", "  ") + ROWS.replace(",", "   "),
    "the line of Excel": "sep=;\r\n" + (HEADER + ROWS).replace(",", ";"),
    "that line in quotes": '"sep=\t"\n' + (HEADER + ROWS).replace(",", "\t"),
    "an end in a delimiter": (HEADER + ROWS).replace("\n", ",\n"),
    "rows that end in one": HEADER + ROWS.replace("\n", ",\n"),
    "row names": ","
    + HEADER
    + "".join(f"{i},{row}\n" for i, row in enumerate(ROWS.splitlines(), 1)),
    "row names of R": '"",'
    + HEADER
    + "".join(
        f'"car {i}",{row}\n' for i, row in enumerate(ROWS.splitlines(), 1)
    ),
    "row names of write.table": (
        HEADER.replace(",", " ")
        + "".join(
            f'"{i}" {row}\n' for i, row in enumerate(ROWS.splitlines(), 1)
        ).replace(",", " ")
    ),
    "row names of pandas, twice": "Unnamed: 0,"
    + HEADER
    + "".join(f"{i},{row}\n" for i, row in enumerate(ROWS.splitlines())),
    "UTF-16": (HEADER + ROWS).encode("utf-16"),
    "UTF-16 without a mark": (HEADER + ROWS).encode("utf-16-le"),
    "UTF-16, big end first": ("\ufeff" + HEADER + ROWS).encode("utf-16-be"),
    "UTF-32": (HEADER + ROWS).encode("utf-32"),
    "the end of DOS": (HEADER + ROWS).replace("\n", "\r\n") + "\x1a",
    "the end of DOS, in the last line": (HEADER + ROWS)[:-1] + "\x1a",
    "gzip": gzip.compress((HEADER + ROWS).encode()),
    "gzip of UTF-16": gzip.compress((HEADER + ROWS).encode("utf-16")),
    "bzip2": bz2.compress((HEADER + ROWS).encode()),
    "xz": lzma.compress((HEADER + ROWS).encode()),
    "Zstandard, two frames": zstandard.compress(HEADER.encode())
    + zstandard.compress(ROWS.encode()),
    "a byte order mark": "\ufeff" + HEADER + ROWS,
    "no last line end": HEADER + ROWS.removesuffix("\n"),
    "empty lines": HEADER + "\n" + ROWS + "\n\n",
    "spaces": (HEADER + ROWS).replace(",", " , "),
    "quotes": '"size","colour","kind"\n'
    + ROWS.replace("red", '"red"').replace("blue", '"blue"'),
    "spaces before quotes": 'size, "colour",kind\n'
    + ROWS.replace(",red", ', "red"'),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_a_file_reads_the_same(tmp_path, form):
    plain = load_text(tmp_path, HEADER + ROWS)
    other = load_text(tmp_path, FORMS[form])
    assert other.encoding == plain.encoding
    for name, split in other.splits.items():
        np.testing.assert_array_equal(split.x, plain.splits[name].x)
        np.testing.assert_array_equal(split.y, plain.splits[name].y)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "names",
    [
        *(
            "возраст,пол,балл",
            "年齢,性別,点数",
            "なまえ,ぼ,点",
            "ηλικία,φύλο,β",
        ),
        *("ηλικία,φύλο,β", "一,丁,丂", "גיל,מין,ציון", "Љубав,Њ,Ѝ", "a,b,y"),
    ],
)
def test_utf_16_without_a_mark_is_read_in_any_script(tmp_path, encoding, names):
    text = names + "\r\n" + "1,2,0\r\n3,4,1\r\n"
    path = write(tmp_path, text.encode(encoding))
    file = csv_file.open_csv(path)
    assert file.names == tuple(names.split(","))
    (block,) = file.blocks()
    assert next(iter(block.columns.values())) == ("1", "3")


def test_quotes_hold_delimiters_quotes_and_line_ends(tmp_path):
    path = write(tmp_path, 'a,b\n"x, ""1""\n2",1\nplain,2\n')
    (block,) = csv_file.open_csv(path).blocks()
    assert block.columns["a"] == ('x, "1"\n2', "plain")
    assert block.places.numbers == [3, 4]


@pytest.mark.parametrize("last", ["1.5e9", "1,500,000,000"])
def test_a_spread_that_is_narrow_at_first_is_that_of_all_rows(tmp_path, last):
    rows = [f"{1_700_000_000 + n % 50},{n % 2}\n" for n in range(9000)]
    wide = load_text(tmp_path, "a,y\n" + "".join(rows)).encoding
    assert wide.wide == {"a"}
    rows += [f'"{last}",{n % 2}\n' for n in range(9000)]
    found = load_text(tmp_path, "a,y\n" + "".join(rows)).encoding
    assert not found.wide
    assert not any("is too small" in line for line in found.told)


@pytest.mark.parametrize("other", ["0", "1,500,000,000", ""])
def test_a_spread_that_most_rows_have_is_kept(tmp_path, other):
    rows = [f"{1_700_000_000 + n * 37 % 60},{n % 2}\n" for n in range(600)]
    rows[5] = f'"{other}",0\n'
    dataset = load_text(tmp_path, "when,y\n" + "".join(rows))
    (column,) = dataset.encoding.columns
    assert abs(column.origin - 1_700_000_030) < 3
    assert len(np.unique(dataset.splits["train"].x[:, 0])) > 59
    (note,) = [line for line in dataset.encoding.told if "'when'" in line]
    assert "precision of float32" in note


@pytest.mark.parametrize(
    "cells",
    [
        [f"{1000 + n % 6 / 100}" for n in range(600)],  # not merged
        [f"{10_000_000 + n % 6}" for n in range(600)],  # exact
        [f"{1_700_000_000 + 288 * n}" for n in range(600)],  # steps enough
    ],
)
def test_what_float32_tells_apart_stays_as_it_is(tmp_path, cells):
    rows = [f"{cell},{n % 2}\n" for n, cell in enumerate(["0", *cells])]
    dataset = load_text(tmp_path, "a,y\n" + "".join(rows))
    assert dataset.encoding.columns[0].origin == 0
    found = dataset.splits["train"].x[1:, 0]
    np.testing.assert_array_equal(found, np.array(cells, np.float32))


def test_a_column_that_is_ignored_may_hold_long_cells(tmp_path):
    rows = f"1,{'x' * 200_000},a\n2,,b\n" * 5
    found = load_text(tmp_path, "a,note,y\n" + rows, ignore=("note",))
    assert found.encoding.features == ("a",)


def test_a_column_that_turns_to_text_late_is_read_as_text(tmp_path):
    rows = [f"{i % 3},{i % 2}\n" for i in range(30_000)]
    rows[-1] = "4+,1\n"
    dataset = load_text(tmp_path, "rooms,y\n" + "".join(rows))
    assert dataset.encoding.columns[0].categories[:3] == ("0", "1", "2")


# Each is one line that names the file, the place, the rule and the remedy.
REFUSALS = {
    "empty": ("", ("data.csv is empty", "write a header")),
    "header alone": ("a,b\n", ("a header and no rows",)),
    "one column": ("a\n1\n", ("has the columns a", "parted by ','")),
    "no header": (
        "5.1,3.5,1.4,setosa\n4.9,3,1.4,setosa\n",
        ("line 1 holds '5.1, 3.5, 1.4, setosa'", "no header"),
    ),
    "name of a bell": ("a\x07,y\n1,2\n", ("column 1", "'a\\x07'")),
    "a name too long": ("x" * 257 + ",y\n1,2\n", ("1 to 256 characters",)),
    "ragged": (
        "a,y\n1,2\n3\n",
        ("line 3 has 1 cells", "the header has 2"),
    ),
    "ragged the other way": ("a,y\n1,2,3\n", ("line 2 has 3 cells",)),
    "Latin-1": ("a,y\ncafé,1\n".encode("latin-1"), ("line 2", "UTF-8")),
    "half of UTF-16": ("a,y\n1,2\n".encode("utf-16")[:-1], ("UTF-8",)),
    "NUL": ("a,y\n1,\0\n", ("line 2", "zero bytes")),
    "NULs": ("a,y\n1,\0\0\n2,0\n" * 20, ("line 2", "zero bytes")),
    "an open quote": ('a,y\n"1,2\n3,4\n', ("cannot be read", "close each")),
    "a quote and more": ('a,y\n"1"2,3\n', ("line 2 cannot be read",)),
    "a huge cell": (
        "a,y\n" + "x" * 200_000 + ",1\nb,0\n" * 3,
        ("up to 200000 characters", "read_as=a=text"),
    ),
    "a cell of huge lines": (
        'a,y\n"' + ("x" * 2**20 + "\n") * 4 + '",1\n',
        ("line 5 cannot be read", "field limit (4194304)", "shorten the cell"),
    ),
    "a huge line": ("a,y\n" + "," * 2**22, ("line 2 has 4194304 characters",)),
    "infinity": (
        "a,y\n1,0\ninf,1\n",
        ("column 'a' has 'inf' in line 3", "finite", "config.data.ignore=a"),
    ),
    "beyond float32": ("a,y\n1,0\n1e39,1\n", ("'1e39' in line 3", "3.4e+38")),
    "no value": ("a,b,y\n,1,0\n?,2,1\n", ("column 'a' has no value",)),
    "no label": (
        "a,y\n1,\n2,\n",
        ("column 'y' has no value in any row", "config.data.target"),
    ),
    "days that are none": (
        "day,y\n2024-02-30,0\n2024-02-01,1\n",
        ("'day' holds dates ('2024-02-01')", "read_as=day=text"),
    ),
    "day or month": (
        "day,y\n01/02/2024,0\n03/04/2024,1\n",
        (
            "'01/02/2024', which may begin",
            "--config.data.read_as=day=day_first",
        ),
    ),
    "thousands or decimals": (
        'a,b,y\n"1,234",1,0\n"2,345",2,1\n',
        ("'1,234', which may be", "data.read_as=a=decimal_comma, or leave"),
    ),
    "two decimal marks": (
        "a;y\n1,5;0\n2.5;1\n",
        ("writes numbers in more than one way ('2.5' and '1,5')",),
    ),
    "a mark that one number has": (
        "a,y\n"
        + "".join(f"{i}.5,{i % 2}\n" for i in range(50))
        + "9.5\x1a,0\n",
        ("more than one way ('0.5', '9.5\\x1a')",),
    ),
    "labels of times": ("a,y\n1,2024-01-31\n", ("'y' holds times",)),
    "one text among numbers": (
        "a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(50)) + "x1,0\n",
        ("column 'a' has numbers, and 'x1' in line 52",),
    ),
    "names of persons": (
        "a,y\n" + "".join(f"n{i},{i % 2}\n" for i in range(1200)),
        ("'a' has a text that no other training row has in 960 of 960",),
    ),
    "prose": (
        "a,y\n" + "word " * 60 + ",0\nb,1\n" * 3,
        ("up to 299 characters", "read_as=a=text"),
    ),
}


def test_days_that_may_be_months_are_refused_however_many(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(column_gatherers, "MOST_HELD", 30)
    days = [f"0{1 + n % 7}/0{1 + n // 7}/2024" for n in range(49)]
    text = "day,a,y\n" + "".join(
        f"{day},{n},{n % 2}\n" for n, day in enumerate(days)
    )
    line = refusal(load_text, tmp_path, text)
    assert "may begin with the day or the month" in line
    assert "--config.data.read_as=day=day_first" in line


@pytest.mark.parametrize("case", REFUSALS)
def test_bad_files_are_refused(tmp_path, case):
    content, words = REFUSALS[case]
    line = refusal(load_text, tmp_path, content)
    assert "data.csv" in line or "config.data" in line
    for word in words:
        assert word in line


def test_more_columns_than_a_table_has_are_refused(tmp_path):
    header = ",".join(f"c{i}" for i in range(10_001))
    line = refusal(load_text, tmp_path, header + "\n")
    assert "10001 columns; the most is 10000" in line


def test_what_a_spreadsheet_ends_its_rows_in_is_no_column(tmp_path):
    end = "," * 16_382
    rows = "".join(f"{i},{i % 2}{end}\n" for i in range(40))
    dataset = load_text(tmp_path, f"x,y{end}\n{rows}")
    assert dataset.splits["train"].x.shape[1:] == (1,)


def test_columns_are_for_csv_alone(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=np.eye(4), y_train=np.arange(4) % 2)
    assert "config.data.target='y'" in refusal(load, tmp_path, target="y")
    line = refusal(load, tmp_path, heavy_tails="quantiles")
    assert "config.data.heavy_tails='quantiles'" in line


def test_an_encoding_encodes_new_rows_as_the_training_did(tmp_path):
    text = "size,colour,kind\n" + "1,red,a\n,blue,b\n3,,a\n" * 5
    dataset = load_text(tmp_path, text)
    kept = json.dumps(dataset.encoding.to_json(), allow_nan=False)
    encoding = Encoding.from_json(json.loads(kept))
    assert encoding == dataset.encoding
    for block_rows in (1, 4, 15, 100):
        blocks = list(
            file_blocks(open_table(tmp_path / "data.csv"), encoding, block_rows)
        )
        assert {len(block) for block in blocks[:-1]} <= {block_rows}
        np.testing.assert_array_equal(
            np.concatenate(blocks), dataset.splits["train"].x
        )
    new: dict = {
        "colour": ["blue", "mauve"],
        "more": [1, 2],
        "size": ["7", "?"],
    }
    assert encoding.features == (
        "size", "size missing", "colour=blue", "colour=red", "colour missing",
    )  # fmt: skip
    assert encoding.encode(new).tolist() == [
        [7, 0, 1, 0, 0],
        [2, 1, 0, 0, 0],
    ]


def test_numbers_and_categories_are_kept_as_the_first_versions_did(tmp_path):
    text = "size,colour,kind\n" + "1,red,a\n,blue,b\n3,red,a\n" * 5
    encoding = load_text(tmp_path, text).encoding
    size, colour = (
        {"name": n, "categories": c, "marks_missing": m, "fill": f}
        for n, c, m, f in (
            ("size", None, True, 2.0),
            ("colour", ["blue", "red"], False, 0.0),
        )
    )
    colour["reads_alike"] = True  # they take no notice
    assert encoding.to_json() == {
        "format": 1,
        "columns": [size, colour],
        "target": "kind",
        "is_text_target": True,
        "reads_alike": True,
        "spells_alike": True,
    }


def test_words_of_no_value_stay_texts_in_an_earlier_versions_run(tmp_path):
    text = "c,g,y\n" + "a,u,#N/A\n\\N,(null),k\n#NV,<NA>,k\n" * 10
    column = {
        "name": "c",
        "categories": ["#NV", "\\N", "a"],
        "marks_missing": False,
    }
    old = {
        "format": 1,
        "columns": [column],
        "target": "y",
        "is_text_target": True,
    }
    encoding = Encoding.from_json(old)
    path = write(tmp_path, text)
    dataset = load(path, encoding=encoding, group="g", test_fraction=0.34)
    assert dataset.class_names == ("#N/A", "k")
    x = np.concatenate([s.x for s in dataset.splits.values()])
    assert np.unique(x, axis=0).tolist() == np.eye(3)[::-1].tolist()
    assert "'c' has no value in any row" in refusal(load, path, group="g")


def test_labels_are_numbers_as_people_write_them(tmp_path):
    text = "a,price\n" + "".join(f'{i},"${i},000.50"\n' for i in range(1, 9))
    dataset = load_text(tmp_path, text)
    assert all_labels(dataset).tolist() == [i * 1000 + 0.5 for i in range(1, 9)]
    assert "'price' is read as numbers" in dataset.notes[0]
    other = load_text(
        tmp_path,
        "a,price\n" + "3,$7\n" * 3,
        encoding=Encoding.from_json(dataset.encoding.to_json()),
    )
    assert all_labels(other).tolist() == [7, 7, 7]


def test_rows_for_an_encoding_are_refused_by_line_and_column(tmp_path):
    encoding = load_text(tmp_path, HEADER + ROWS).encoding
    for text, words in (
        ("size,kind\n1,a\n", "lacks the column 'colour'"),
        ("size,colour\n1,red\nbig,red\n", "line 3, column 'size' has 'big'"),
        ("size,colour\n1e99,red\n", "line 2, column 'size' has '1e99'"),
    ):
        path = write(tmp_path, text, "new.csv")
        assert words in refusal(
            list, file_blocks(open_table(path), encoding, 10)
        )
    assert "row 1, column 'size'" in refusal(
        encoding.encode, {"size": ["1", "x"], "colour": ["", ""]}
    )


def test_each_line_of_a_single_column_is_a_row_to_predict(tmp_path):
    encoding = load_text(tmp_path, "a,y\n" + "1,b\n2,c\n,b\n9,c\n" * 5).encoding
    path = write(tmp_path, "a\n1\n\n9\n\n", "new.csv")
    (rows,) = file_blocks(open_table(path), encoding, 10)
    assert rows[:, 0].tolist() == [1, encoding.columns[0].fill, 9]
    assert rows[:, 1].tolist() == [0, 1, 0]


def test_another_file_is_encoded_by_a_run(tmp_path):
    first = load_text(tmp_path, HEADER + ROWS)
    other = HEADER + "100,green,a\n,red,b\n" * 4
    second = load_text(tmp_path, other, encoding=first.encoding)
    assert second.encoding == first.encoding
    size = first.encoding.columns[0]
    assert isinstance(size, NumberColumn)
    fill = size.fill
    assert second.splits["train"].x[:2].tolist() == [[100, 0, 0], [fill, 0, 1]]


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {"format": 2}, {"format": 1, "columns": [{}]},
        {"format": 1, "columns": 3, "target": "y", "is_text_target": False},
    ],
)  # fmt: skip
def test_what_is_no_encoding_is_refused(value):
    assert "not of this version" in refusal(Encoding.from_json, value)


def test_memory_is_bounded_by_the_cells(tmp_path):
    cells = np.random.default_rng(0).normal(size=(40_000, 8))
    lines = [",".join(f"{c:.6f}" for c in row) for row in cells]
    write(tmp_path, "a,b,c,d,e,f,g,y\n" + "\n".join(lines))
    del lines, cells
    tracemalloc.start()
    try:
        load(tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * (tmp_path / "data.csv").stat().st_size


@given(st.lists(st.tuples(TEXT, TEXT), min_size=2, max_size=9))
def test_what_the_standard_library_writes_is_read_back(tmp_path_factory, rows):
    held = io.StringIO(newline="")
    csv.writer(held).writerows([("name", "other"), *rows])
    path = write(tmp_path_factory.mktemp("csv"), held.getvalue())
    (block,) = csv_file.open_csv(path).blocks()
    # The reader leaves spaces that begin a cell out; they never count.
    for name, column in zip(
        ("name", "other"), zip(*rows, strict=True), strict=True
    ):
        found = [cell.lstrip(" ") for cell in block.columns[name]]
        assert found == [cell.lstrip(" ") for cell in column]


@pytest.mark.fuzz
@given(hostile_csv(), st.booleans())
def test_hostile_files_are_read_or_refused(tmp_path_factory, content, with_run):
    folder = tmp_path_factory.mktemp("hostile")
    path = write(folder, content)
    encoding = None
    if with_run:
        encoding = load_text(
            tmp_path_factory.mktemp("run"),
            "c0,c1,y\n1,a,0\n2,b,1\n3,b,1\n4,a,0\n",
        ).encoding
        try:
            for block in file_blocks(open_table(path), encoding, 3):
                assert np.isfinite(block).all()
        except UserError as error:
            assert "\n" not in str(error)
    try:
        dataset = load(path, encoding)
    except UserError as error:
        # What `tell` prints is this line.
        assert len(" ".join(str(error).split())) < 2000
        return
    for split in dataset.splits.values():
        assert np.isfinite(split.x).all()
        assert split.examples
    again = Encoding.from_json(
        json.loads(json.dumps(dataset.encoding.to_json()))
    )
    assert again == dataset.encoding


@pytest.mark.slow
def test_your_data_learns_a_table_with_texts_and_gaps(tmp_path):
    draw = np.random.RandomState(0)
    lines = ["size,colour,kind"]
    for _ in range(400):
        size, colour = draw.randint(100), draw.choice(["red", "blue"])
        kind = "big" if (size > 50) == (colour == "red") else "small"
        lines.append(f"{size},{colour},{kind}")
    path = write(tmp_path, "\n".join(lines))
    run = tmp_path / "run"
    flags = [f"--data_dir={path}", f"--workdir={run}"]
    quiet = "--config.log.tensorboard=false"
    assert task.main(["--config=your_data", quiet, *flags]) == 0
    result = json.loads((run / "result.json").read_text())
    assert result["evaluation"]["test"]["accuracy"] >= 0.9
    record = json.loads((run / "record.json").read_text())
    encoding = Encoding.from_json(record["data"]["encoding"])
    assert encoding.features == ("size", "colour=blue", "colour=red")
