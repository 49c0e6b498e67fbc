"""A confusion matrix shows what is wrong, and how much of it."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from tests.charts.looking import axes_of
from tests.charts.looking import texts_of
from trainer.charts import drawings
from trainer.charts import matrices
from trainer.charts import rendering


def test_a_matrix_has_a_row_for_each_true_class():
    drawing = matrices.matrix(["no", "yes"], np.array([[8, 2], [0, 1007]]))
    axes = axes_of(drawing)
    told = "Confusion matrix: 1,015 of 1,017 rows on the diagonal"
    assert drawing.words == told
    assert texts_of(axes) == {"8": (0, 0), "2": (1, 0), "1,007": (1, 1)}
    assert [t.get_text() for t in axes.get_yticklabels()] == ["no", "yes"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["no", "yes"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")
    assert axes.yaxis_inverted()


def test_a_matrix_shows_what_is_wrong_by_another_colour():
    (image,) = axes_of(
        matrices.matrix(["a", "b"], np.array([[96, 4], [0, 0]]))
    ).images
    (right, wrong), (none, empty) = image.get_array()
    assert to_hex(right[:3]) == to_hex(empty[:3]) == drawings.COLOURS[0]
    assert to_hex(wrong[:3]) == to_hex(none[:3]) == matrices.WRONG
    opaque = [float(cell[3]) for cell in (right, wrong, none, empty)]
    # 4 in 100 would not be seen.
    assert opaque == pytest.approx([0.96, matrices.LEAST_SHADE, 0, 0])


def test_worse_confusions_are_darker():
    counts = np.array([[981, 18, 2], [0, 9, 0], [0, 50, 50]])
    (image,) = axes_of(matrices.matrix(["a", "b", "c"], counts)).images
    some, few = (float(image.get_array()[0, i, 3]) for i in (1, 2))
    assert some == pytest.approx(3 * few)
    assert float(image.get_array()[2, 1, 3]) == pytest.approx(0.5**0.5)


def test_a_matrix_of_many_classes_has_no_names():
    counts = np.eye(31, dtype=int)
    axes = axes_of(matrices.matrix([str(i) for i in range(31)], counts))
    assert not axes.texts
    assert not [t.get_text() for t in axes.get_xticklabels() if t.get_text()]


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", "x" * 200, "漢字" * 50, "a"]
)
def test_long_names_leave_room_for_the_cells(name):
    drawing = matrices.matrix([name, "b"], np.array([[1, 0], [0, 1]]))
    rendering.pixels_of(drawing)
    box = axes_of(drawing).get_window_extent()
    assert min(box.width, box.height) > rendering.PIXELS_PER_INCH
    first, second = axes_of(drawing).get_xticklabels()
    ends = [label.get_window_extent().x1 for label in (first, second)]
    cell = box.width / 2
    assert ends == pytest.approx([box.x0 + cell / 2, box.x1 - cell / 2], abs=15)
    shown = axes_of(drawing).get_yticklabels()[0].get_text()
    assert shown == name or (shown[-1] == "…" and name.startswith(shown[:-1]))
