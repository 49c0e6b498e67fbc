"""A new version takes the rows of the one before, and tells other answers."""

import pathlib

import numpy as np
import pytest

from trainer.finished.trained_run import Layout
from trainer.problem.multiclass import Multiclass
from trainer.problem.regression import Regression
from trainer.process.exits import UserError
from trainer.server import succession
from trainer.tables.category_column import CategoryColumn
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn
from trainer.tables.number_style import NumberStyle
from trainer.tables.time_column import TimeColumn
from trainer.tables.time_form import TimeForm

IMAGES = Layout((8, 8), np.dtype(np.uint8))


def number(name, style=None):
    more = () if style is None else (style,)
    return NumberColumn(name, False, 0.0, *more)


def category(name, *words, reads_alike=True):
    return CategoryColumn(name, False, words, reads_alike=reads_alike)


def time(form):
    return TimeColumn("when", False, TimeForm(form), ("seconds",), 0, 0)


def table(*columns):
    features = sum(len(column.features) for column in columns)
    encoding = Encoding(columns, "y", False)
    return Layout((features,), np.dtype(np.float32), encoding)


def refused(now, before):
    try:
        succession.check_rows(pathlib.Path("export/2"), now, before, 1)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (IMAGES, IMAGES),
        (table(number("a"), time("day_first")),) * 2,
        # As many words, of which one is another; or of an earlier version.
        (table(category("a", "x", "y")), table(category("a", "x", "z"))),
        (
            table(category("a", "x", "y")),
            table(category("a", "x", "y", reads_alike=False)),
        ),
    ],
)
def test_the_same_rows_are_taken(now, before):
    assert refused(now, before) is None


POINT, COMMA = NumberStyle(".", ","), NumberStyle(",", ".")


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (
            IMAGES._replace(shape=(9, 8)),
            IMAGES,
            "rows of shape [9, 8], and version 1 takes [8, 8]",
        ),
        (
            IMAGES._replace(dtype=np.dtype(np.float32)),
            IMAGES,
            "values of float32, and version 1 takes uint8",
        ),
        (
            table(number("a"), number("b")),
            table(number("b"), number("a")),
            "'a' (numbers) as column 1, and version 1 takes 'b' (numbers)",
        ),
        (
            table(number("a"), number("c")),
            table(number("a"), number("b")),
            "'c' (numbers) as column 2, and version 1 takes 'b' (numbers)",
        ),
        (
            table(number("a"), number("b")),
            Layout((2,), np.dtype(np.float32)),
            "'a' (numbers) as column 1, and version 1 takes none",
        ),
        (
            table(category("a", "x")),
            table(number("a")),
            "'a' (texts) as column 1, and version 1 takes 'a' (numbers)",
        ),
        (
            table(number("a", COMMA)),
            table(number("a", POINT)),
            "'a' (numbers, a comma before decimals",
        ),
        (
            table(time("day_first")),
            table(time("month_first")),
            "'when' (times, written as 31/01/2024) as column 1, and version 1"
            " takes 'when' (times, written as 01/31/2024)",
        ),
        (
            table(category("a", "x", "y")),
            table(category("a", "x")),
            "rows of shape [2], and version 1 takes [1]",
        ),
    ],
)
def test_other_rows_are_refused(now, before, words):
    line = refused(now, before)
    assert line.startswith(f"export/2 takes {words}")
    assert line.endswith("; start anew to serve it")


def classes(*names):
    return Multiclass(
        "multiclass", "softmax", "ce", ("accuracy",), len(names), False, names
    )


def values(outputs):
    return Regression(
        "regression", "linear", "mse", ("mse",), outputs, False, ()
    )


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (classes("a", "b"), classes("a", "b"), ""),
        (
            classes("b", "a"),
            classes("a", "b"),
            "its label 0 is 'b', and was 'a'",
        ),
        (
            classes("a", "b", "c"),
            classes("a", "b"),
            "its label 2 is 'c', and was none",
        ),
        (values(2), values(1), "its outputs are 2, and were 1"),
        (
            values(2),
            classes("a", "b"),
            "its problem is regression, and was multiclass",
        ),
    ],
)
def test_other_answers_are_told(now, before, words):
    assert succession.changed_answers(now, before) == words
