"""Numbers of heavy tails are bent as the config asks, by training rows."""

import numpy as np
import pytest

from trainer.tables import curves
from trainer.tables import number_column
from trainer.tables.curves import Quantiles
from trainer.tables.curves import SignedLog
from trainer.tables.number_column import NumberColumn
from trainer.tables.table_column import TableColumn

HEAVY = np.exp(np.random.default_rng(0).normal(size=999) * 3)


def test_only_heavy_tails_are_bent():
    normal = np.random.default_rng(0).normal(size=9999)
    assert curves.fit(normal, "signed_log") is None
    assert curves.fit(HEAVY, "none") is None
    assert curves.fit(np.repeat([0.0, 9.0], [99, 1]), "quantiles") is None
    assert isinstance(curves.fit(HEAVY, "signed_log"), SignedLog)
    assert isinstance(curves.fit(HEAVY, "quantiles"), Quantiles)


def test_a_logarithm_is_of_the_distance_in_interquartile_ranges():
    curve = SignedLog(5.0, 2.0)
    found = curve(np.array([5.0, 7.0, 3.0]))
    np.testing.assert_allclose(found, [0, np.log(2), -np.log(2)])


def test_quantiles_are_ranks():
    curve = curves.fit(HEAVY, "quantiles")
    assert isinstance(curve, Quantiles)
    values = np.sort(HEAVY)
    ranks = np.linspace(-1, 1, len(values))
    np.testing.assert_allclose(curve(values), ranks, atol=0.01)
    ends = curve(np.array([-1e30, np.median(HEAVY), 1e30]))
    np.testing.assert_allclose(ends, [-1, 0, 1], atol=0.01)
    # Of equal numbers it is the middle one's.
    tied = curves.fit(np.repeat([0.0, 1, 2, 100], [9, 6, 6, 3]), "quantiles")
    assert tied is not None
    assert tied(np.array([0.0])) == pytest.approx(-16 / 24, abs=0.05)


@pytest.mark.parametrize("kind", ["signed_log", "quantiles"])
def test_a_column_keeps_its_curve(kind):
    values = HEAVY.astype(np.float32)
    column = number_column.fit("a", TableColumn(values), values, kind)
    assert column.curve is not None
    assert "has heavy tails" in column.told
    again = NumberColumn.from_json(column.to_json())
    assert again == column
    written = np.empty((len(values), 1), np.float32)
    again.write(again.read([repr(v) for v in HEAVY.tolist()]), written)
    expected = column.curve(values.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(written[:, 0], expected)
    # For people, it is undone.
    close = np.isclose(again.shown(written), values, rtol=1e-2)
    assert close.mean() > (0.99 if kind == "signed_log" else 0.8)


def test_a_missing_number_is_shown_as_none_and_the_origin_is_added():
    column = NumberColumn("a", True, 7.0, origin=1e9)
    features = np.empty((3, 2), np.float32)
    column.write(np.array([1e9 + 2, np.nan, 1e9]), features)
    shown = column.shown(features)
    np.testing.assert_array_equal(shown, [1e9 + 2, np.nan, 1e9])
