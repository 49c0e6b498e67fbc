"""How far rows that are asked have moved: by arrays alone, then in a server."""

import math

import numpy as np
import pytest

from tests.server.test_metrics import labels
from tests.server.test_metrics import told
from trainer.finished.trained_run import Layout
from trainer.problem.multiclass import Multiclass
from trainer.problem.regression import Regression
from trainer.server import drift
from trainer.server.drift import Drift
from trainer.server.metrics import Metrics
from trainer.sources import sketch
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split

RANDOM = np.random.RandomState(0)
TRAINED_ON = RANDOM.randn(2000, 2).astype(np.float32)
LAYOUT = Layout((2,), np.dtype(np.float32))
VALUES = Regression("regression", "linear", "mse", ("mse",), 1, False, ())
CLASSES = Multiclass(
    "multiclass", "softmax", "ce", ("accuracy",), 2, False, ("a", "b")
)
CALIBRATION = [
    {"rows": 30, "mean_probability": 0.6, "right": 0.7},
    {"rows": 10, "mean_probability": 1.0, "right": 0.9},
]


def sketched(x):
    return sketch.of_training(
        Dataset("own", {"train": Split(x, np.zeros(len(x)))}, "table")
    )


@pytest.fixture
def found(monkeypatch):
    """What was told, in its order, of all rows."""
    monkeypatch.setattr(drift, "REST_SECS", 0.0)
    return []


def counting(found, problem=VALUES, bins=()):
    return Drift(
        sketched(TRAINED_ON), LAYOUT, problem, list(bins), found.append
    )


def ask(counter, rows):
    counter.look(rows, np.zeros((len(rows), 1), np.float32))


def test_rows_of_many_requests_are_held_against_the_training_rows(found):
    counter = counting(found)
    for row in RANDOM.randn(600, 2).astype(np.float32):
        ask(counter, row[None] + np.array([0, 2], np.float32))
    counter.tell()
    assert found[-1].rows == 600
    moved = {shift.name: shift.has_moved for shift in found[-1].shifts}
    assert moved == {"column 0": False, "column 1": True}
    assert found[-1].confidence is None


def test_old_rows_are_forgotten(found, monkeypatch):
    monkeypatch.setattr(drift, "WINDOW_ROWS", 500)
    counter = counting(found)
    for shift in (2, 0, 0, 0, 0, 0):
        ask(counter, TRAINED_ON[:256] + np.float32(shift))
    counter.tell()
    assert 500 <= found[-1].rows <= 1024
    assert not any(shift.has_moved for shift in found[-1].shifts)


def test_of_many_rows_at_once_some_are_counted(found):
    counter = counting(found)
    ask(counter, TRAINED_ON)
    counter.tell()
    assert found[-1].rows == drift.BLOCK_ROWS


def test_of_many_requests_at_once_some_are_counted(found, monkeypatch):
    monkeypatch.setattr(drift, "REST_SECS", math.inf)
    counter = counting(found)
    for _ in range(10):
        ask(counter, TRAINED_ON[:200])
    counter.tell()
    assert found[-1].rows == 400


def test_few_large_rows_are_held(found):
    layout = Layout((512, 512, 3), np.dtype(np.uint8))
    images = RANDOM.randint(0, 256, (20, *layout.shape)).astype(np.uint8)
    before = sketch.of_training(
        Dataset("own", {"train": Split(images, np.zeros(20))}, "image")
    )
    assert before is not None
    counter = Drift(before, layout, VALUES, [], found.append)
    for _ in range(3):
        ask(counter, images[:2])
    counter.tell()
    assert found[-1].rows == 3  # one of each request


def test_it_is_told_unasked_from_time_to_time(found, monkeypatch):
    monkeypatch.setattr(drift, "TELL_SECS", 0.0)
    counter = counting(found)
    for _ in range(3):
        ask(counter, TRAINED_ON[:200])
    assert [each.rows for each in found] == [200, 400]


def test_confidence_tells_the_accuracy_to_expect(found):
    counter = counting(found, CLASSES, CALIBRATION)
    counter.look(TRAINED_ON[:2], np.array([[0.9, 0.1], [0.3, 0.7]], np.float32))
    counter.tell()
    sure = found[-1].confidence
    assert sure.mean_probability_now == pytest.approx(0.8)
    assert sure.mean_probability_test == pytest.approx(0.7)
    assert sure.accuracy_now == pytest.approx(0.75 - 0.7 + 0.8)


def test_what_a_new_version_was_not_asked_yet_is_no_number():
    metrics = Metrics()
    for _ in range(2):  # two versions of one model
        counter = counting([])
        counter._tell = lambda found: metrics.drift("m", found)
        counter.tell()
        psi = 'strata_server_drift_psi{column="column 0",model="m"}'
        before = metrics.text().decode()
        assert f"{psi} NaN" in before or psi not in before
        ask(counter, TRAINED_ON[:200])
        counter.tell()
        assert f"{psi} 0." in metrics.text().decode()


def test_how_sure_a_new_version_is_that_was_not_asked_yet_is_no_number():
    metrics = Metrics()

    def told_of(counter):
        counter._tell = lambda found: metrics.drift("m", found)
        counter.tell()
        return [
            line.split()[-1]
            for line in metrics.text().decode().splitlines()
            if line.startswith(
                (
                    "strata_server_drift_confidence_ratio{",
                    "strata_server_drift_expected_accuracy_ratio{",
                )
            )
        ]

    counter = counting([], CLASSES, CALIBRATION)
    counter.look(TRAINED_ON[:2], np.array([[0.9, 0.1], [0.3, 0.7]], np.float32))
    assert all(float(number) > 0 for number in told_of(counter))
    assert told_of(counting([], CLASSES, CALIBRATION)) == ["NaN", "NaN"]


def test_a_server_shows_what_was_asked_of_images_and_tables(server):
    before = told(server)
    rows = "strata_server_drift_rows", labels(model="multiclass")
    assert server.ask(
        "/v1/models/multiclass:predict",
        {"instances": np.full((90, 8, 8), 15).tolist()},
    ).body
    cells = {"size": None, "colour": "a new word"}
    answer = server.ask(
        "/v1/models/flowers:predict", {"instances": [cells] * 90}
    )
    assert answer.status == 200, answer.body
    after = told(server)
    assert after[rows] == before.get(rows, 0) + 90

    def of(name, model, column):
        named = labels(model=model, column=column)
        return after[f"strata_server_drift_{name}", named]

    assert of("psi", "multiclass", "brightness") > 0.25
    assert of("moved", "multiclass", "brightness") == 1
    assert of("new_ratio", "flowers", "colour") > 0
    assert of("missing_ratio", "flowers", "size") > 0
    sure = "strata_server_drift_confidence_ratio", labels(model="multiclass")
    assert 0 < after[sure] <= 1
    assert not math.isnan(of("psi", "flowers", "size"))
