"""What `make bench-smoke` holds to what was stored, and what it forgives."""

import json

import pytest

from benchmarks import smoke

MOST = {"epoch": 0.5, "memory": 1.0}


KERAS = smoke.Figures(1.0, 1.0, 1.0)


def pairs(*epochs, memory=0.9):
    return ((smoke.Figures(each, 1.0, memory), KERAS) for each in epochs)


def test_no_more_pairs_are_taken_than_are_needed():
    found = pairs(0.6, 0.7, 0.5, 0.4)
    held, words = smoke.verdict(found, MOST)
    assert held
    assert "by 3 pairs: epoch 0.50 x (at most 0.50), memory 0.90" in words
    assert len(list(found)) == 1


def test_a_minute_of_other_work_is_no_failure():
    held, words = smoke.verdict(pairs(0.9, 0.9, 0.9, 0.9, 0.4), MOST)
    assert held
    assert "by 5 pairs" in words


@pytest.mark.parametrize(
    "found", [pairs(*[0.51] * 9), pairs(*[0.4] * 9, memory=1.01)]
)
def test_what_stays_worse_fails_after_all_pairs(found):
    held, words = smoke.verdict(found, MOST)
    assert not held
    assert "by 9 pairs" in words


def test_ten_percent_are_forgiven_on_a_stored_kind(monkeypatch, tmp_path):
    monkeypatch.setattr(smoke, "STORED", tmp_path / "stored.json")
    monkeypatch.setattr(smoke.surroundings, "processor", lambda: "abacus")
    kept = {"epoch": 0.4, "process": 0.5, "memory": 0.7}
    smoke.STORED.write_text(json.dumps({"abacus": kept}))
    most, why = smoke.most_now()
    assert most == pytest.approx({n: 1.1 * each for n, each in kept.items()})
    assert why == "as stored"


def test_an_unknown_kind_has_wide_margins(monkeypatch, tmp_path):
    monkeypatch.setattr(smoke, "STORED", tmp_path / "stored.json")
    smoke.STORED.write_text("{}")
    most, why = smoke.most_now()
    assert most == smoke.WIDE
    assert why.startswith("nothing stored of ")
