"""Sources that ship with a package, and what they load."""

import subprocess
import sys

import numpy as np
import pytest

from tests.sources.loading import load
from tests.sources.loading import refusal
from trainer import sources
from trainer.config.values import rules


def test_every_source_of_the_config_has_a_loader():
    named = set(rules()["data.source"].choices)
    assert named == sources.SHIPPED.keys() | sources.READ.keys()


@pytest.mark.parametrize(
    ("source", "shape", "x_dtype", "y_shape", "y_dtype", "largest"),
    [
        ("digits", (1797, 8, 8), "uint8", (), "int64", 16),
        ("digits_attributes", (1797, 8, 8), "uint8", (4,), "uint8", 16),
        ("digits_ink", (1797, 4, 8), "uint8", (), "float32", 16),
        ("digits_pixels", (1797, 4, 8), "uint8", (), "int64", 16),
        ("breast_cancer", (569, 30), "float64", (), "int64", None),
        ("wine", (178, 13), "float64", (), "int64", None),
        ("diabetes", (442, 10), "float64", (), "float64", None),
    ],
)
def test_shipped(source, shape, x_dtype, y_shape, y_dtype, largest):
    dataset = load(source, validation_fraction=0.1)
    assert list(dataset.splits) == ["train", "validation", "test"]
    assert dataset.name == source
    assert dataset.kind == ("image" if largest else "table")
    assert dataset.largest == largest
    assert "scikit-learn" in dataset.origin
    for split in dataset.splits.values():
        assert split.x is dataset.splits["train"].x
        assert (split.x.shape, split.x.dtype) == (shape, x_dtype)
        assert split.labels().shape == (split.examples, *y_shape)
        assert split.labels().dtype == y_dtype
    if y_dtype == "int64" and dataset.class_names:
        classes = np.unique(dataset.splits["train"].y).tolist()
        assert classes == list(range(len(dataset.class_names)))


def test_digits_are_those_of_scikit_learn():
    from sklearn import datasets

    split, wanted = load("digits").splits["train"], datasets.load_digits()
    np.testing.assert_array_equal(split.x, wanted.images)
    np.testing.assert_array_equal(split.y, wanted.target)


def test_digits_are_read_without_scikit_learn():
    program = (
        "import sys; from trainer.sources import SHIPPED;"
        "[SHIPPED[name]() for name in SHIPPED if name.startswith('digits')];"
        "print({'pandas', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"


def test_digits_attributes_follow_from_the_digit():
    marks = load("digits_attributes").splits["train"].y
    digits = load("digits").splits["train"].y
    # Even, closed loop, more than four, prime.
    wanted = {
        0: [1, 1, 0, 0],
        4: [1, 0, 0, 0],
        7: [0, 0, 1, 1],
        9: [0, 1, 1, 0],
    }
    for digit, marks_of_digit in wanted.items():
        assert (marks[digits == digit] == marks_of_digit).all()


def test_digits_ink_can_be_learned_and_is_bounded():
    from sklearn.linear_model import Ridge

    splits = load("digits_ink").splits
    assert 0 <= splits["train"].y.min() < splits["train"].y.max() <= 1
    train_x, test_x = (
        splits[name].x[splits[name].rows].reshape(-1, 32) / 16
        for name in ("train", "test")
    )
    model = Ridge().fit(train_x, splits["train"].labels())
    assert model.score(test_x, splits["test"].labels()) > 0.7


def test_digits_pixels_are_those_of_the_half_that_is_not_shown():
    halves, images = (
        load(name).splits["train"] for name in ("digits_pixels", "digits")
    )
    shown = halves.x.sum(axis=(1, 2), dtype=int)
    assert (shown + halves.y == images.x.sum(axis=(1, 2), dtype=int)).all()


def test_a_folder_is_refused_by_sources_that_need_none(tmp_path):
    assert "--data_dir" in refusal(load, "digits", tmp_path)
