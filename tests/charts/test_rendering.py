"""One drawing is both: SVG inside a page, and pixels in TensorBoard."""

import html
import re

import numpy as np
import pytest

from trainer.charts import drawings
from trainer.charts import explanations
from trainer.charts import matrices
from trainer.charts import rendering

DRAWN = {
    "lines": lambda: drawings.lines("loss", {"a": ([1, 2], [3.0, 1.0])}),
    "matrix": lambda: matrices.matrix(
        ["no", "yes"], np.array([[8, 1], [0, 7]])
    ),
    "points": lambda: drawings.points([[1.0, 1.5], [2.0, 1.8]]),
    "calibration": lambda: drawings.calibration(
        [{"mean_probability": 0.7, "right": 0.6, "rows": 9}], 0.1
    ),
    "timeline": lambda: drawings.timeline([(0.0, 9.0, "<done>")]),
    "importance": lambda: explanations.importance(
        "accuracy",
        [
            {"column": "a", "drop": 0.2, "interval": [0.1, 0.3]},
            {"column": "b", "drop": 0.0, "interval": None},
        ],
    ),
    "dependence": lambda: explanations.dependence(
        "a", [1.0, 2.0, 3.0], {"x": [0.1, 0.2, 0.3]}, "mean chance"
    ),
    "bars": lambda: drawings.bars("seconds", {"train": 2.0, "save": 0.5}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_an_svg_has_words_and_ids_of_its_own(name):
    first, second = (rendering.svg_of(DRAWN[name]()) for _ in range(2))
    words = re.search('role="img" aria-label="([^"<>]+)"', first)[1]
    assert len(words) > 15
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    named = set(re.findall(r'(?:url\(|href=")#([^")]+)', first))
    assert named <= ids[0]
    assert "<metadata>" not in first
    # The page gives it its size.
    outer = re.search("<svg[^>]*>", first)[0]
    assert "viewBox" in outer
    assert not re.search("(width|height)=", outer)
    # A dark page has an ink and a paper of its own.
    assert "currentColor" in first
    assert not {drawings.INK, drawings.FAINT} & set(re.findall("#.{6}", first))


def test_words_stay_as_they_are():
    name = 'a id="7" href="#x" url(#y)'
    svg = rendering.svg_of(drawings.bars("seconds", {name: 2.0}))
    assert name in map(html.unescape, re.findall(r">([^<>]+)<", svg))


@pytest.mark.parametrize("name", DRAWN)
def test_pixels_show_what_was_drawn(name):
    drawing = DRAWN[name]()
    pixels = rendering.pixels_of(drawing)
    width, height = drawing.figure.get_size_inches() * rendering.PIXELS_PER_INCH
    assert pixels.dtype == np.uint8
    assert pixels.shape == (int(height), int(width), 3)
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_matrices_of_the_same_classes_are_drawn_quickly_and_alike():
    labels = ["a", "$b^2$", "c"]
    draw = rendering.MatrixPixels(labels)
    first, second = np.diag([5, 6, 7]), np.array([[1, 2, 3]] * 3)
    for counts in (first, second, first):
        whole = rendering.pixels_of(matrices.matrix(labels, counts))
        found = draw(counts)
        assert found.dtype == np.uint8
        assert found.shape == whole.shape
        # The same but for lines of the frame, which the cells lie over.
        differs = (found.astype(int) - whole).any(axis=2).mean()
        assert differs < 0.05


def test_letters_that_our_own_family_lacks_are_those_of_another(monkeypatch):
    name = "\ue00e"  # of no language; matplotlib brings a family that has it

    def drawn():
        return rendering.pixels_of(drawings.bars("s", {name: 1.0}))

    monkeypatch.setattr(rendering, "EAST_ASIAN", ("No Such Family",))
    assert rendering.families() == ["DejaVu Sans"]
    lacking = drawn()
    monkeypatch.setattr(rendering, "EAST_ASIAN", ("STIXNonUnicode",))
    assert rendering.families() == ["DejaVu Sans", "STIXNonUnicode"]
    assert (drawn() != lacking).any()
