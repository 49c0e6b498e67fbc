"""Sets of runs are compared pair by pair."""

import json
import shutil
import types
from typing import Any

import numpy as np
import pytest
import scipy.stats

from tests import runs
from tests.serving.test_ensemble import ensemble_of
from tests.verbs import strata
from trainer.config import Config
from trainer.config import DataConfig
from trainer.problem.scores import judged
from trainer.reports import paired


def test_it_is_students_paired_t_where_rows_are_the_same():
    random = np.random.RandomState(0)
    first, other = random.rand(2, 8).tolist()
    found = paired.paired(first, other, 0.0)
    expected = scipy.stats.ttest_rel(other, first)
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert found.interval == pytest.approx([interval.low, interval.high])


def test_runs_that_share_training_rows_say_less():
    first, other = [0.8, 0.9, 0.7, 0.8, 0.9], [0.82, 0.93, 0.73, 0.83, 0.94]
    plain = paired.paired(first, other, 0.0)
    folds = paired.paired(first, other, 0.25)
    assert folds.difference == plain.difference
    assert folds.p > plain.p
    width = [np.diff(found.interval)[0] for found in (plain, folds)]
    assert width[1] / width[0] == pytest.approx(np.sqrt((0.2 + 0.25) / 0.2))


@pytest.mark.parametrize(("fingerprints", "share"), [("aa", 0.0), ("ab", 0.25)])
def test_runs_of_the_same_rows_share_none_by_chance(fingerprints, share):
    """As of data with a validation split of their own."""
    runs: Any = [
        types.SimpleNamespace(
            config=Config(data=DataConfig(validation_fraction=0.2)),
            record={
                "data": {
                    "fingerprint": fingerprint,
                    "examples": {"train": 80, "validation": 20},
                }
            },
        )
        for fingerprint in fingerprints
    ]
    assert paired.share_of(runs) == share


def test_no_difference_is_none():
    same = [0.5, 0.6]
    assert paired.paired(same, same, 0.1) == (0.0, [0.0, 0.0], 1.0)


@pytest.fixture(scope="module")
def sets(trained, tmp_path_factory):
    """Two sets of two runs whose seeds differ, of the same runs."""
    folder = tmp_path_factory.mktemp("sets")
    run = trained("multiclass")
    other = folder / "other"
    flags = ["--config.seed=7", "--config.epochs=1", "--config.log.report=0"]
    words = ("train", "--config=digits", f"--workdir={other}", *flags)
    assert strata(*words)[0] == 0
    return [ensemble_of(folder / name, [run, other]) for name in ("a", "b")]


def test_sets_are_compared_by_their_validation_rows(sets):
    code, out, err = strata("compare", *sets)
    assert (code, err) == (0, "")
    assert "accuracy, mean of 2" in out
    assert "+0.0000 (+0.0000 to +0.0000), p 1: noise" in out
    assert "Nadeau & Bengio" in out


def test_sets_of_the_same_rows_are_compared_however_they_are_encoded(
    sets, tmp_path
):
    other = tmp_path / "other"
    shutil.copytree(sets[1], other)
    for record in other.glob("trials/*/record.json"):
        stored = json.loads(record.read_text())
        stored["data"]["fingerprint"] = "0" * 64
        runs.rewrite(record, stored)
    code, out, _ = strata("compare", sets[0], other)
    assert code == 0
    assert "accuracy, mean of 2" in out
    for labels in ({**stored["data"]["labels_sha256"], "train": "0"}, None):
        stored["data"]["labels_sha256"] = labels
        runs.rewrite(record, stored)
        code, _, err = strata("compare", sets[0], other)
        assert code == 2
        assert "was trained on other rows" in err


def test_a_set_and_a_run_are_not_compared(sets, trained):
    code, out, err = strata("compare", sets[0], trained("multiclass"))
    assert (code, out) == (2, "")
    assert "is a set of runs" in err
    code, _, err = strata("compare", sets[0], sets[0])
    assert code == 2


@pytest.mark.parametrize(
    ("interval", "is_lower_better", "word"),
    [
        ([0.1, 0.3], False, "better"),
        ([0.1, 0.3], True, "worse"),
        ([-0.3, -0.1], True, "better"),
        ([-0.3, -0.1], False, "worse"),
        ([-0.1, 0.3], False, "noise"),
        ([0.0, 0.3], True, "noise"),
    ],
)
def test_a_difference_whose_interval_holds_0_is_noise(
    interval, is_lower_better, word
):
    assert judged(interval, is_lower_better=is_lower_better) == word
