"""Importance and dependence are scikit-learn's; columns stay whole."""

import dataclasses

import numpy as np
import pytest
from sklearn import inspection
from sklearn.linear_model import LinearRegression

from trainer.config import Config
from trainer.problem import explanations
from trainer.problem.explanations import Column
from trainer.problem.problems import settle
from trainer.sources import Dataset
from trainer.sources import Split

RANDOM = np.random.RandomState(0)
ROWS = 300
X = np.column_stack(
    [RANDOM.randn(ROWS), RANDOM.randint(4, size=ROWS), RANDOM.randn(ROWS)]
)
Y = 3 * X[:, 0] + X[:, 1] + 0.3 * RANDOM.randn(ROWS)
MODEL = LinearRegression().fit(X, Y)
MODEL.coef_[2] = 0  # the last column is of no use
COLUMNS = [
    Column(name, slice(i, i + 1), lambda cells: cells[:, 0])
    for i, name in enumerate("abc")
]


class Asked:
    """A model that is asked as a network is."""

    parameters = 3

    def outputs(self, x):
        return MODEL.predict(x)[:, None]


def settled(x=X, y=Y, kind="table", problem="regression"):
    split = Split(x, y)
    dataset = Dataset("made", {"train": split, "test": split}, kind)
    return settle(Config(problem=problem), dataset)


def test_importance_is_scikit_learns():
    problem, dataset = settled()
    truth = dataset.splits["test"].labels()
    found = explanations.importance(problem, X, truth, Asked(), COLUMNS)
    wanted = inspection.permutation_importance(
        MODEL, X, Y, scoring="r2", n_repeats=50, random_state=1
    )
    drops = {row["column"]: row["drop"] for row in found}
    assert list(drops) == ["a", "b", "c"]  # the greatest first
    for name, mean in zip("abc", wanted.importances_mean, strict=True):
        assert drops[name] == pytest.approx(mean, rel=0.1, abs=1e-12)
    for row in found[:2]:
        low, high = row["interval"]
        assert 0 < low < row["drop"] < high
    assert found[2]["interval"] == pytest.approx([0, 0])


def test_dependence_is_scikit_learns():
    problem, _ = settled()
    found = explanations.dependence(problem, X[:200], Asked(), COLUMNS[1])
    wanted = inspection.partial_dependence(
        MODEL, X[:200], [1], method="brute", kind="average"
    )
    assert found["values"] == wanted["grid_values"][0].tolist() == [0, 1, 2, 3]
    (means,) = found["outputs"].values()
    assert means == pytest.approx(wanted["average"][0].tolist())
    assert not found["is_time"]


class Whole:
    """Refuses rows whose first two features are not of one cell."""

    parameters = 1

    def outputs(self, x):
        assert (x[:, :2].sum(axis=1) == 1).all()
        return x[:, :1] * 0.8 + 0.1


def test_features_of_a_column_are_moved_together():
    kinds = RANDOM.randint(2, size=90)
    x = np.column_stack([kinds, 1 - kinds, RANDOM.randn(90)])
    problem, dataset = settled(x, kinds, problem="binary")
    names = np.array(["no", "yes"])
    columns = [
        Column("kind", slice(0, 2), lambda c: names[c[:, 0].astype(int)]),
        Column("rest", slice(2, 3), lambda c: c[:, 0]),
    ]
    truth = dataset.splits["test"].labels()
    found = explanations.importance(problem, x, truth, Whole(), columns)
    assert [row["column"] for row in found] == ["kind", "rest"]
    assert found[0]["drop"] == pytest.approx(0.5, abs=0.1)
    shown = explanations.dependence(problem, x, Whole(), columns[0])
    assert shown["values"] == ["no", "yes"]
    assert shown["outputs"] == {"1": pytest.approx([0.1, 0.9])}


def test_outputs_that_move_most_are_shown():
    class Many:
        parameters = 1

        def outputs(self, x):
            return x[:, :1] * np.arange(10)

    problem, _ = settled(X, RANDOM.randint(10, size=ROWS), problem="multiclass")
    found = explanations.dependence(problem, X, Many(), COLUMNS[0])
    assert list(found["outputs"]) == list("456789")


def test_values_are_shown_where_rows_have_them():
    numbers = np.array([5.0, np.nan, 1.0, 5.0, 3.0])
    assert explanations.grid(numbers).tolist() == [2, 4, 0]
    many = RANDOM.permutation(1001) / 1000
    shown = many[explanations.grid(many)]
    np.testing.assert_allclose(shown, np.linspace(0.05, 0.95, 20), atol=1e-3)
    times = np.array(["2024-05-01", "NaT", "2024-01-01"], "datetime64[us]")
    assert explanations.grid(times).tolist() == [2, 0]
    assert not len(explanations.grid(np.array([np.nan])))
    texts = np.array(["often"] * 3 + [f"text {i:02}" for i in range(12)])
    shown = texts[explanations.grid(texts)].tolist()
    assert shown == ["often", *(f"text {i:02}" for i in range(9))]


def test_a_column_that_is_empty_in_all_rows_is_left_out():
    class Blind:
        parameters = 3

        def outputs(self, x):
            return MODEL.predict(np.nan_to_num(x))[:, None]

    x = X.copy()
    x[:, 2] = np.nan
    problem, dataset = settled(x)
    found = explanations.explain(problem, dataset, "test", Blind())
    assert [row["column"] for row in found["dependence"]] == [
        *("column 0", "column 1")
    ]
    assert len(found["importance"]) == 3


def test_times_are_told_as_people_write_them():
    problem, _ = settled()
    start = np.datetime64("2024-01-01", "us")
    column = Column(
        "t",
        slice(1, 2),
        lambda c: start + (c[:, 0] * 86_400e6).astype("timedelta64[us]"),
    )
    found = explanations.dependence(problem, X, Asked(), column)
    assert found["values"][:2] == ["2024-01-01T00:00:00", "2024-01-02T00:00:00"]
    assert found["is_time"]


def test_all_that_is_asked_takes_about_a_second():
    asked = explanations.rows_asked
    assert asked(50, 10, 1000) == 50
    assert asked(10**6, 10, 1000) == explanations.MOST_ROWS
    assert asked(10**6, 50, 200_000) == 400
    assert asked(10**6, 50, 10**6) == 0
    assert asked(10**6, 101, 10) == 0
    assert asked(20, 1, 10**9) == 0


def test_what_is_not_looked_at_is_told():
    problem, dataset = settled()
    found = explanations.explain(problem, dataset, "test", Asked())
    assert found["rows"] == ROWS
    assert [row["column"] for row in found["importance"]] == [
        *("column 0", "column 1", "column 2")
    ]
    named = dataclasses.replace(dataset, feature_names=("u", "v", "w"))
    assert explanations.columns_of(named)[1].name == "v"
    large = Asked()
    large.parameters = 10**9
    told = explanations.explain(problem, dataset, "test", large)
    assert "3 columns and 1,000,000,000 weights" in told["left_out"]
    problem, dataset = settled(X.reshape(-1, 3, 1), kind="image")
    assert explanations.explain(problem, dataset, "test", Asked()) is None


def test_rows_that_have_no_score_are_not_explained():
    """None of them is of the rare class, of which the score tells."""
    y = np.zeros(ROWS, np.int64)
    y[::20] = 1
    problem, dataset = settled(y=y, problem="binary")
    problem = problem.as_asked(Config(problem="binary"), y)
    negatives = Split(X[1:20], y[1:20])
    dataset.splits["test"] = negatives
    told = explanations.explain(problem, dataset, "test", Asked())
    assert told == {
        "left_out": "the rows that are asked have no average_precision"
    }
