"""TensorFlow makes of cells what NumPy does, to the bit."""

import dataclasses
import datetime
import random

import numpy as np
import pytest
import tensorflow as tf

from trainer.process.exits import UserError
from trainer.serving import column_graphs
from trainer.tables import fitting
from trainer.tables import time_column
from trainer.tables.category_column import CategoryColumn
from trainer.tables.column_gatherers import Cells
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn
from trainer.tables.number_style import NumberStyle
from trainer.tables.table_column import TableColumn
from trainer.tables.table_file import Places
from trainer.tables.time_form import TimeForm

ROWS = 60
DRAW = random.Random(0)


def moment():
    seconds = DRAW.randrange(10**8)
    micros = DRAW.randrange(10**6)
    start = datetime.datetime(2019, 3, 1)
    return start + datetime.timedelta(seconds=seconds, microseconds=micros)


def number(decimal=".", group=""):
    value = DRAW.choice([-1, 1]) * 10 ** DRAW.uniform(-3, 7)
    text = f"{value:,.{DRAW.randrange(4)}f}"
    return text.translate({ord(","): group, ord("."): decimal})


CELLS = {
    "plain": lambda: number() + "e-3",
    "percent": lambda: f"{number()} %",
    "euros": lambda: f"{number(',', '.')}\xa0€",
    "dollars": lambda: f"(${number('.', ',').strip('-')})",
    "minus": lambda: number().replace("-", "\u2212"),
    "quotes": lambda: number(".", "’"),
    "blanks": lambda: "\u2003" + number(",", "\u202f") + "\ufeff",
    "unit": lambda: f"{number()} kg/m^3",
    "Fortran": lambda: f"{number()}D+01",
    "epoch": lambda: str(1_700_000_000 + DRAW.randrange(60)),
    "colours": lambda: DRAW.choice(["\xa0red\u3000", "blue", "green"]),
    "alike": lambda: DRAW.choice(["a b", "\ufeffa\xa0 b\u200b", "c"]),
    "many": lambda: DRAW.choice(["a", "a", f"r{DRAW.random()}"]),
    "ISO 8601": lambda: moment().isoformat() + "Z",
    "an offset": lambda: moment().isoformat(" ") + "-05:30",
    "basic": lambda: moment().strftime("%Y%m%dT%H%M%S"),
    "weeks": lambda: moment().strftime("%G-W%V-%u"),
    "ordinal": lambda: moment().strftime("%Y-%j"),
    "months": lambda: moment().strftime("%m/%Y"),
    "American": lambda: moment().strftime("%m/%d/%Y %I:%M %p"),
    "European": lambda: moment().strftime("%d.%m.%y"),
    "short": lambda: moment().replace(year=1996).strftime("%y-%m-%d"),
    "mail": lambda: moment().strftime("%a, %d %b %Y %H:%M:%S GMT"),
    "letters": lambda: moment().strftime("%B %d, %Y"),
    "ctime": lambda: moment().ctime(),
    "mornings": lambda: f"{DRAW.randrange(1, 13)} AM",
    "clock": lambda: moment().strftime("%I:%M:%S%p").lower(),
    "an old offset": lambda: moment().isoformat() + "-00:44:30",
}


def encoded(name, texts, monkeypatch, heavy_tails="none"):
    if name == "many":
        monkeypatch.setattr("trainer.tables.category_column.MOST_FREQUENT", 9)
    gathered = Cells(False, "")
    gathered.add(texts, Places(range(ROWS)))
    column = gathered.finish()
    assert column.problem is None
    columns = {"c": column, "y": TableColumn(np.zeros(ROWS))}
    encoding = fitting.fit(
        columns,
        target="y",
        rows=np.arange(0, ROWS, 2),
        heavy_tails=heavy_tails,
    )
    encoding = Encoding.from_json(encoding.to_json())
    x = encoding.encode_columns(columns, ROWS)
    np.testing.assert_array_equal(encoding.encode({"c": texts}), x)
    return encoding, x


@pytest.mark.parametrize("gaps", [(), ("", "n/a", " ", "NULL", "#WERT!")])
@pytest.mark.parametrize("name", CELLS)
def test_a_column_is_the_same_to_the_bit(name, gaps, monkeypatch):
    DRAW.seed(name)  # whatever was drawn before
    texts = [CELLS[name]() for _ in range(ROWS)]
    for row in range(0, ROWS, 7) if gaps else ():
        texts[row] = DRAW.choice(gaps)
    encoding, x = encoded(name, texts, monkeypatch)
    served = column_graphs.encode(encoding, tf.constant([[t] for t in texts]))
    assert served.numpy().tobytes() == x.tobytes()
    assert ("c missing" in encoding.features) == bool(gaps)


@pytest.mark.parametrize("kind", ["signed_log", "quantiles"])
def test_heavy_tails_are_bent_alike(kind, monkeypatch):
    texts = ["", *[f"{row + DRAW.random()} %" for row in range(ROWS - 1)]]
    texts[2], texts[3] = "-1e7 %", "1e9 %"
    encoding, x = encoded("c", texts, monkeypatch, kind)
    assert "heavy tails" in encoding.told[0]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in texts]))
    # NumPy's logarithm and TensorFlow's may differ in the last bit.
    np.testing.assert_allclose(served, x, rtol=2e-7)


NO_NUMBERS = ("inf", "-Infinity", "+nan", "1e400", "4e38", "0x10", "1_0", "x")
REFUSED = [
    *[("1.5", cell) for cell in NO_NUMBERS],
    *[("1 %", cell) for cell in ("1 kg", "12", "1e99 %", "inf %")],
    ("2024-01-31", "5"),
    *[("2024-01-31", f"2024-{day}") for day in ("13-01", "02-30", "00-10")],
    ("2023-W05-3", "2023-W54-1"),
    ("31.12.99 10:30 AM", "31.12.99 13:30 AM"),
    ("10:30:00", "10:60:00"),
]


@pytest.mark.parametrize(("usual", "cell"), REFUSED)
def test_a_cell_that_is_refused_is_an_error(usual, cell, monkeypatch):
    encoding, _ = encoded("c", [usual] * ROWS, monkeypatch)
    served = tf.function(lambda cells: column_graphs.encode(encoding, cells))
    served(tf.constant([[usual], ["N/A"]]))
    with pytest.raises(UserError):
        encoding.encode({"c": [usual, cell]})
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="column c: must be"
    ):
        served(tf.constant([[usual], [cell]]))


def test_digits_of_a_time_are_read_alike():
    form = TimeForm("stamp")
    column = time_column.TimeColumn("c", False, form, ("seconds",), 0, 0)
    encoding = Encoding((column,), "y", False)
    asked = ["20240131101500", "202401311015", "20240131101500.25"]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in asked]))
    assert served.numpy().tobytes() == encoding.encode({"c": asked}).tobytes()


def test_a_point_that_may_part_thousands_is_an_error():
    column = NumberColumn("c", False, style=NumberStyle(group="?"))
    encoding = Encoding((column,), "y", False)
    asked = ["950", "1.5", "0.125", "1234.567", "1.2345", "1e3", "-.125"]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in asked]))
    assert served.numpy().tobytes() == encoding.encode({"c": asked}).tobytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be"):
        column_graphs.encode(encoding, tf.constant([["1.234"]]))


def test_plain_numbers_are_read_as_python_reads_them(monkeypatch):
    encoding, _ = encoded("c", ["1.5", "2"] * (ROWS // 2), monkeypatch)
    asked = [" +1.", "-.5", "1E+05", "1e-400", "00012", "3.4e38"]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in asked]))
    assert served.numpy().tobytes() == encoding.encode({"c": asked}).tobytes()


@pytest.mark.parametrize("name", ["c", "many"])
def test_floats_are_the_categories_of_whole_numbers(name, monkeypatch):
    texts = ["1", "x", "2.0", "10", "y", ""] * 9 + ["1.0", "x", *"abcd"]
    encoding, _ = encoded(name, texts, monkeypatch)
    asked = ["1.0", "10.0", "10", "1.00", "-1.0", "x.0", "", "2", "2.0"]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in asked]))
    x = encoding.encode({"c": asked})
    assert served.numpy().tobytes() == x.tobytes()
    assert x[0, encoding.features.index("c=1")] == 1
    assert x[7:, encoding.features.index("c=2")].tolist() == [1, 1]


@pytest.mark.parametrize("name", ["c", "many"])
def test_truths_are_served_in_any_case(name, monkeypatch):
    texts = ["FALSE", "TRUE", "x", "y", ""] * 11 + [*"abcde"]
    encoding, _ = encoded(name, texts, monkeypatch)
    asked = ["True", "true", "fAlSe", "FALSE", "X", "fal\u017fe", ""]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in asked]))
    x = encoding.encode({"c": asked})
    assert served.numpy().tobytes() == x.tobytes()
    places = [encoding.features.index(f"c={t}") for t in ("TRUE", "FALSE")]
    assert x[:4, places].tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_a_word_for_no_value_that_a_run_has_as_a_category_stays_one():
    old = CategoryColumn("c", True, ("\\N", "a"), True)
    encoding = Encoding((old,), "y", True)
    table = Cells(False, "", known=old.reading)
    texts = ["\\N", "\\n", "a", "#NV", "new"]
    table.add(texts, Places(range(5)))
    x = encoding.encode({"c": texts})
    assert x.argmax(axis=1).tolist() == [0, 2, 1, 2, 2]
    np.testing.assert_array_equal(
        encoding.encode_columns({"c": table.finish()}, 5), x
    )
    served = column_graphs.encode(encoding, tf.constant([[t] for t in texts]))
    assert served.numpy().tobytes() == x.tobytes()


@pytest.mark.parametrize("reads_alike", [False, True])
def test_texts_that_look_alike_are_served_as_they_were_trained(reads_alike):
    names = ("a b", "c", "e\xadf")
    column = CategoryColumn("c", True, names, reads_alike=reads_alike)
    encoding = Encoding((column,), "y", True)
    texts = ["a b", "a\xa0b", "c\u200b", " c", "NA\ufeff", "\u200b", "d"]
    texts += ["e\xadf", "ef", "\u202aa b\u202c", "c\ufe0f"]
    served = column_graphs.encode(encoding, tf.constant([[t] for t in texts]))
    x = encoding.encode({"c": texts})
    assert served.numpy().tobytes() == x.tobytes()
    assert x.sum() == (10 if reads_alike else 3)


def test_encodings_by_other_rows_stand_side_by_side():
    texts = {
        "colour": ["red", "blue"] * (ROWS // 2),
        "size": [f"{row}" for row in range(ROWS)],
        "late": [""] * (ROWS // 2) + ["1", "2"] * (ROWS // 4),
    }
    columns = {"y": TableColumn(np.zeros(ROWS))}
    for name, cells in texts.items():
        gathered = Cells(False, "")
        gathered.add(cells, Places(range(ROWS)))
        columns[name] = gathered.finish()
    ends = (np.arange(ROWS // 2), np.arange(ROWS // 2, ROWS))
    first, other = (fitting.fit(columns, target="y", rows=r) for r in ends)
    assert first != other
    joint = dataclasses.replace(first, others=(other,))
    assert Encoding.from_json(joint.to_json()) == joint
    # Half of the rows told one of them of a third column.
    assert [c.name for c in first.columns] == ["colour", "size"]
    assert [c.name for c in joint.inputs] == ["colour", "size", "late"]
    x = joint.encode(texts)
    np.testing.assert_array_equal(
        x, np.concatenate([first.encode(texts), other.encode(texts)], axis=1)
    )
    np.testing.assert_array_equal(joint.encode_columns(columns, ROWS), x)
    assert len(joint.features) == x.shape[1]
    cells = tf.constant(list(zip(*texts.values(), strict=True)))
    served = column_graphs.encode(joint, cells)
    assert served.numpy().tobytes() == x.tobytes()
