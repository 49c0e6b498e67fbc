"""Texts of many kinds: rare ones are grouped, names are left out."""

import dataclasses
import datetime

import numpy as np
import pytest

from trainer.tables import category_column
from trainer.tables.category_column import CategoryColumn
from trainer.tables.cell_text import text_of
from trainer.tables.cells import BadCellError
from trainer.tables.column_gatherers import Cells
from trainer.tables.table_column import TableColumn
from trainer.tables.table_file import Places


def fit(texts, rare_rows=1, **known):
    categories = tuple(sorted(set(texts) - {""}))
    place = {text: index for index, text in enumerate(categories)} | {"": -1}
    values = np.array([place[text] for text in texts], np.int32)
    return category_column.fit(
        "c", TableColumn(values, categories, **known), values, rare_rows
    )


def test_names_are_left_out():
    names = [f"n{i}" for i in range(30)]
    assert "no other training row has in 30 of 30" in fit(names)
    assert isinstance(fit(names[:20]), CategoryColumn)
    assert isinstance(fit(names * 2), CategoryColumn)
    assert isinstance(fit(names, is_named_text=True), CategoryColumn)
    column = fit(names + ["x"] * 31)
    assert isinstance(column, CategoryColumn)
    assert len(column.features) == 31


def test_rare_texts_share_a_feature_where_there_are_many():
    texts = [f"r{i}" for i in range(1000)] * 2 + ["often"] * 10 + ["", "b"]
    column = fit(texts)
    assert isinstance(column, CategoryColumn)
    assert column.features == ("c=often", "c rare", "c missing")
    assert "10 training rows or more" in column.told
    features = np.empty((4, 3), np.float32)
    column.write(column.read(["often", "r1", "new", "NA"]), features)
    assert features.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert column.shown(features).tolist() == [
        *("often", "(rare)", "(rare)", "(missing)")
    ]
    assert CategoryColumn.from_json(column.to_json()) == column
    assert "has no text that 10" in fit([f"r{i}" for i in range(1100)] * 2)


def test_no_more_than_the_most_frequent_have_a_feature():
    texts = [f"t{i:04}" for i in range(1100)] * 10 + ["t1099"]
    column = fit(texts)
    assert isinstance(column, CategoryColumn)
    assert len(column.features) == 1001
    assert column.categories[-1] == "t1099"


def test_rare_texts_are_grouped_where_that_is_asked_for():
    texts = ["a"] * 5 + ["b"] * 4 + ["c", "d"]
    column = fit(texts, rare_rows=5)
    assert isinstance(column, CategoryColumn)
    assert column.features == ("c=a", "c rare")
    assert "5 training rows or more" in column.told
    features = np.empty((4, 2), np.float32)
    column.write(column.read(["a", "b", "d", "new"]), features)
    assert features.tolist() == [[1, 0], [0, 1], [0, 1], [0, 1]]
    assert CategoryColumn.from_json(column.to_json()) == column
    # Where none is rare, nothing is grouped.
    assert fit(texts[:9], rare_rows=4) == fit(texts[:9])
    assert "has no text that 6" in fit(texts, rare_rows=6)


def test_a_text_of_no_training_row_is_shown_as_unknown():
    column = fit(["a", "b", "a"])
    features = np.empty((2, 2), np.float32)
    column.write(column.read(["b", "new"]), features)
    assert column.shown(features).tolist() == ["b", "(unknown)"]


def test_a_float_of_a_data_frame_is_the_whole_number_it_is():
    column = fit(["1", "2.0", "x", "10", "10.0"] * 2)
    assert isinstance(column, CategoryColumn)
    assert column.categories == ("1", "10", "2", "x")
    texts = ["1.0", " 2.0", "10.0", "10", "2", "3.0", "1.00", "1.5", "x.0"]
    found = column.read(texts).tolist()
    told = [column.categories[index] for index in found[:5]]
    assert told == ["1", "2", "10", "10", "2"]
    assert set(found[5:]) == {category_column.UNKNOWN}
    # A run of an earlier version had both.
    earlier = dataclasses.replace(column, categories=("1", "10", "10.0"))
    assert earlier.read(["10.0", "10", "1.0"]).tolist() == [2, 1, 0]
    typed = TableColumn(np.arange(2, dtype=np.int32), ("1.0", "3.0"))
    assert column.values_of(typed).tolist() == [
        *(found[0], category_column.UNKNOWN)
    ]


MIDNIGHT = datetime.datetime(2024, 1, 2)
NOON = datetime.datetime(2024, 1, 2, 12)


@pytest.mark.parametrize(
    "written",
    [["2024-01-02", "2024-01-02 12:00:00"], [*map(str, (MIDNIGHT, NOON))]],
)
def test_a_typed_date_is_the_text_of_it(written):
    column = fit([*written, "never"])
    assert isinstance(column, CategoryColumn)
    typed = tuple(map(text_of, (MIDNIGHT, NOON)))
    assert column.read(typed).tolist() == column.read(written).tolist()
    # In a file, too, of which all that is typed stays so.
    gathered = Cells(False, "", known=column.reading)
    gathered.add(typed, Places(range(2)))
    found = column.values_of(gathered.finish())
    assert found.tolist() == column.read(written).tolist()
    assert fit([*typed, "never"]).categories[0] == "2024-01-02"


ALIKE = ["dark red", "dark\xa0red", "dark  red", "\u200bdark red\ufeff"]


def test_texts_that_look_alike_are_one_category():
    column = fit([*ALIKE, "red", "re\u200bd", "NA\u200b"])
    assert isinstance(column, CategoryColumn)
    assert column.features == ("c=dark red", "c=red", "c missing")
    asked = [*ALIKE, "red\u2060", "\u200b", "Red"]
    assert column.read(asked).tolist() == [0, 0, 0, 0, 1, -1, -2]
    typed = TableColumn(np.arange(7, dtype=np.int32), tuple(asked))
    assert column.values_of(typed).tolist() == column.read(asked).tolist()
    assert CategoryColumn.from_json(column.to_json()) == column


def test_texts_that_look_alike_stay_apart_in_an_earlier_versions_run():
    old = {"name": "c", "categories": ALIKE[:2], "marks_missing": False}
    column = CategoryColumn.from_json(old)
    assert column.read([*ALIKE, " dark red"]).tolist() == [0, 1, -2, -2, 0]


MARKS = "\xad\u061c\u200c\u200d\u202a\u202e\u2066\u2069\ufe0f"


@pytest.mark.parametrize("mark", MARKS)
def test_marks_of_no_width_are_none(mark):
    column = fit(["red", f"re{mark}d", "blue", f"NA{mark}", mark])
    assert isinstance(column, CategoryColumn)
    assert column.features == ("c=blue", "c=red", "c missing")
    assert column.read([f"{mark}red", f"blu{mark}e"]).tolist() == [1, 0]
    # As a run of an earlier version has it.
    earlier = dataclasses.replace(column, categories=("blue", f"r{mark}ed"))
    assert earlier.read(["red", f"r{mark}ed"]).tolist() == [1, 1]


TRUTHS = [("FALSE", "TRUE"), ("false", "true"), ("False", "True")]


@pytest.mark.parametrize("written", TRUTHS)
def test_a_truth_is_one_in_any_case(written):
    column = fit([*written, "unknown"])
    assert isinstance(column, CategoryColumn)
    typed = [text_of(False), text_of(np.True_)]
    for asked in (*TRUTHS, typed):
        places = [*map(column.categories.index, written)]
        assert column.read(asked).tolist() == places
        values = np.arange(2, dtype=np.int32)
        found = column.values_of(TableColumn(values, tuple(asked)))
        assert found.tolist() == places
    assert column.read(["Unknown"]).tolist() == [category_column.UNKNOWN]


def test_truths_that_stand_in_several_cases_stay_apart():
    column = fit(["TRUE", "true", "false"])
    assert isinstance(column, CategoryColumn)
    asked = ["true", "TRUE", "True", "FALSE"]
    assert column.read(asked).tolist() == [2, 0, category_column.UNKNOWN, 1]


def test_an_earlier_versions_run_knows_truths_that_come_typed():
    old = {"name": "c", "categories": ["FALSE"], "marks_missing": False}
    column = CategoryColumn.from_json(old)
    typed = [text_of(False), text_of(True)]
    unknown = category_column.UNKNOWN
    assert column.read(typed).tolist() == [0, unknown]
    assert column.read(["False"]).tolist() == [unknown]


def test_a_truth_among_other_words_is_refused():
    column = fit(["no", "yes"] * 20)
    assert isinstance(column, CategoryColumn)
    with pytest.raises(BadCellError, match="'no', 'yes'") as told:
        column.read(["yes", text_of(True), text_of(True)])
    assert told.value.index == 1
    with pytest.raises(BadCellError, match="'no', 'yes'"):
        column.values_of(TableColumn(np.arange(1), (text_of(True),)))
    assert column.read(["True"]).tolist() == [category_column.UNKNOWN]
    # Beside texts that are many it is one more of them.
    grouped = fit(["a"] * 5 + ["b"], rare_rows=5)
    assert grouped.read([text_of(True)]).tolist() == [category_column.UNKNOWN]
