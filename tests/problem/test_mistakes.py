"""The pictures of what led to mistakes."""

import dataclasses

import numpy as np
import pytest

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.problem import mistakes
from trainer.problem.problems import settle
from trainer.sources import Split


class Asked:
    """Says that a first pixel adds as much as is asked for, a second half."""

    parameters = 0

    def outputs(self, x):
        raise NotImplementedError  # of tables alone

    def attributions(self, x, place):
        self.place = place.tolist()
        found = np.zeros(x.shape)
        found[:, 0, 0], found[:, 0, 1] = 2, -1
        return found


def drawn(y, errors, name, shape=(2, 2)):
    problem, _ = settle(Config(problem=name), dataset_of(y))
    asked = Asked()
    x = np.zeros((len(errors), *shape), np.uint8)
    pixels = mistakes.why(problem, x, np.array(errors), asked.attributions)
    assert pixels.shape == (len(errors), 2, 2, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[:, 1] == 255).all()
    return asked.place, pixels


def is_red(pixel):
    return int(pixel[0]) > int(pixel[2])


def test_of_classes_the_answer_is_explained():
    errors = [[0.4, -0.9, 0.5], [-0.8, 0.7, 0.1]]
    place, pixels = drawn(np.arange(3), errors, "multiclass")
    assert place == [2, 1]
    for row in pixels:
        assert row[0, 0].tolist() == mistakes._TOWARDS.tolist()
        assert not is_red(row[0, 1])  # it held the answer back, half as much


@pytest.mark.parametrize(
    ("name", "y"),
    [
        ("binary", np.array([0, 1])),
        ("regression", np.array([3.0, 5.0])),
    ],
)
def test_red_is_towards_the_mistake_whatever_its_sign(name, y):
    place, (above, below) = drawn(y, [[0.9], [-0.9]], name)
    assert place == [0, 0]
    assert is_red(above[0, 0]) and not is_red(above[0, 1])
    assert is_red(below[0, 1]) and not is_red(below[0, 0])


def test_of_labels_the_one_that_is_farthest_off_is_explained():
    y = np.array([[0, 1, 0], [1, 0, 1]])
    place, _ = drawn(y, [[0.4, -0.9, 0.5]], "multilabel", (2, 2, 3))
    assert place == [1]


@pytest.mark.parametrize(
    ("shape", "drawn"), [((2, 2), (2, 2, 1)), ((4, 2, 2, 3), None)]
)
def test_rows_of_more_dimensions_than_a_picture_have_none(shape, drawn):
    problem, dataset = settle(Config(problem="binary"), dataset_of([0, 1]))
    y = dataset.splits["test"].y
    images = Split(np.ones((2, *shape), np.float32), y)
    dataset = dataclasses.replace(
        dataset, kind="image", splits={"test": images}
    )
    outputs = np.array([[0.9], [0.2]], np.float32)
    found = mistakes.look(problem, dataset, "test", outputs, Asked())
    pictures = [row["picture"] for row in found["mistakes"]]
    assert [p if p is None else p.shape for p in pictures] == [drawn] * 2
