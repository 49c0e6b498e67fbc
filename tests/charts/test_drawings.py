"""What is drawn stands where it belongs, and the words say the same."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from trainer.charts import drawings


def axes_of(drawing):
    (axes,) = drawing.figure.axes
    return axes


def texts_of(axes):
    """Returns {text: (x, y)} of what is written among the drawn."""
    return {text.get_text().strip(): text.get_position() for text in axes.texts}


def test_curves_have_their_points_colours_and_names():
    curves = {"a": ([1, 2, 3], [3.0, 2.0, 1.0]), "b": ([2], [5.0])}
    drawing = drawings.lines("loss", curves, x="epoch")
    axes = axes_of(drawing)
    assert drawing.words == "loss by epoch: a from 3 to 1; b from 5 to 5"
    assert [line.get_xydata().tolist() for line in axes.lines] == [
        [[1, 3], [2, 2], [3, 1]],
        [[2, 5]],
    ]
    assert len({to_hex(line.get_color()) for line in axes.lines}) == 2
    assert len({line.get_linestyle() for line in axes.lines}) == 2
    # A point alone would be no line.
    assert [line.get_marker() for line in axes.lines] == ["None", "o"]
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["a", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def test_a_curve_shows_restarts_and_begins_where_it_is_told():
    curve = {"a": ([1, 9], [3.0, 4.0])}
    axes = axes_of(drawings.lines("s", curve, marks=[5], from_zero=True))
    assert list(axes.lines[1].get_xdata()) == [5, 5]
    assert axes.get_ylim()[0] == 0
    plain = axes_of(drawings.lines("s", curve))
    assert len(plain.lines) == 1
    assert plain.get_ylim()[0] > 2
    assert plain.get_legend() is None


def test_an_axis_has_numbers_as_people_write_them():
    curve = {"a": ([0, 4_000_000], [0.0, 0.25])}
    axes = axes_of(drawings.lines("s", curve))
    formatted = axes.xaxis.get_major_formatter().format_ticks([574_000, 1e6])
    assert formatted == ["574,000", "1,000,000"]
    assert axes.yaxis.get_major_formatter().format_ticks([0.3]) == ["0.3"]


def test_a_matrix_has_a_row_for_each_true_class():
    drawing = drawings.matrix(["no", "yes"], np.array([[8, 2], [0, 1007]]))
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
        drawings.matrix(["a", "b"], np.array([[96, 4], [0, 0]]))
    ).images
    (right, wrong), (none, empty) = image.get_array()
    assert to_hex(right[:3]) == to_hex(empty[:3]) == drawings.COLOURS[0]
    assert to_hex(wrong[:3]) == to_hex(none[:3]) == drawings.WRONG
    opaque = [float(cell[3]) for cell in (right, wrong, none, empty)]
    # 4 in 100 would not be seen.
    assert opaque == pytest.approx([0.96, drawings.LEAST_SHADE, 0, 0])


def test_worse_confusions_are_darker():
    counts = np.array([[981, 18, 2], [0, 9, 0], [0, 50, 50]])
    (image,) = axes_of(drawings.matrix(["a", "b", "c"], counts)).images
    some, few = (float(image.get_array()[0, i, 3]) for i in (1, 2))
    assert some == pytest.approx(3 * few)
    assert float(image.get_array()[2, 1, 3]) == pytest.approx(0.5**0.5)


def test_a_matrix_of_many_classes_has_no_names():
    counts = np.eye(31, dtype=int)
    axes = axes_of(drawings.matrix([str(i) for i in range(31)], counts))
    assert not axes.texts
    assert not [t.get_text() for t in axes.get_xticklabels() if t.get_text()]


def test_points_are_true_then_predicted():
    drawing = drawings.points([[1.0, 1.5], [2.0, 0.5]])
    (dots,) = axes_of(drawing).collections
    assert dots.get_offsets().tolist() == [[1.0, 1.5], [2.0, 0.5]]
    assert drawing.words.startswith("2 predicted values")
    assert drawing.words.endswith("from 0.5 to 2")


def test_calibration_is_right_by_told_and_sized_by_rows():
    bins = [
        {"mean_probability": 0.7, "right": 0.6, "rows": 400},
        {"mean_probability": 0.9, "right": 0.8, "rows": 200},
        {"mean_probability": 0.5, "right": 0.0, "rows": 1},
    ]
    drawing = drawings.calibration(bins, 0.1)
    (dots,) = axes_of(drawing).collections
    assert dots.get_offsets().tolist() == [[0.7, 0.6], [0.9, 0.8], [0.5, 0]]
    least, most = drawings.POINT_AREAS
    assert dots.get_sizes().tolist() == [most, most / 2, least]
    assert drawing.words.endswith("error 0.1000")


def test_a_timeline_has_the_first_start_on_top():
    drawing = drawings.timeline([(0.0, 9.0, "killed"), (12.0, 20.0, "done")])
    axes = axes_of(drawing)
    found = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert found == [(0, 9), (12, 8)]
    assert texts_of(axes) == {"killed": (9, 0), "done": (20, 1)}
    assert axes.yaxis_inverted()
    told = "start 1 from 0 to 9 s, killed; start 2 from 12 to 20 s, done"
    assert drawing.words == f"Timeline: {told}"


def test_bars_have_the_greatest_first():
    drawing = drawings.bars("seconds", {"save": 0.5, "train": 2.0})
    axes = axes_of(drawing)
    assert [bar.get_width() for bar in axes.patches] == [2.0, 0.5]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["train", "save"]
    assert axes.yaxis_inverted()
    assert drawing.words == "seconds: train 2, save 0.5"


def test_importance_has_its_intervals_and_the_greatest_on_top():
    drops: dict[str, tuple[float, list[float] | None]] = {
        "a": (0.2, [0.1, 0.25]),
        "b": (0.0, None),
        "$c": (0.1, [0.2, 0.3]),
    }
    columns = [
        {"column": name, "drop": drop, "interval": interval}
        for name, (drop, interval) in drops.items()
    ]
    drawing = drawings.importance("accuracy", columns)
    axes = axes_of(drawing)
    (container,) = axes.containers
    points, _, (bars,) = container
    assert list(points.get_xdata()) == [0.2, 0, 0.1]
    ends = np.array(bars.get_segments())[:, :, 0]
    np.testing.assert_allclose(
        ends, np.array([[0.1, 0.25], [0.0, 0.0], [0.1, 0.3]])
    )
    assert [t.get_text() for t in axes.get_yticklabels()] == list(drops)
    assert axes.yaxis_inverted()
    told = "accuracy lost without a column: a 0.2, b 0, $c 0.1"
    assert drawing.words == told
    many = drawings.importance("accuracy", columns * 10)
    assert len(axes_of(many).get_yticklabels()) == drawings.MOST_COLUMNS


def test_dependence_is_a_line_of_numbers_and_points_of_texts():
    outputs = {"no": [0.9, 0.5, 0.2], "yes": [0.1, 0.5, 0.8]}
    drawing = drawings.dependence("age", [20.0, 30.0, 60.0], outputs, "chance")
    axes = axes_of(drawing)
    assert [line.get_xydata().tolist() for line in axes.lines] == [
        [[20, 0.9], [30, 0.5], [60, 0.2]],
        [[20, 0.1], [30, 0.5], [60, 0.8]],
    ]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("age", "chance")
    assert (
        drawing.words
        == "chance by age: no from 0.2 to 0.9; yes from 0.1 to 0.8"
    )
    names = ["red", "$x^2$", "_b"]
    axes = axes_of(drawings.dependence("c", names, outputs, "chance"))
    assert all(line.get_linestyle() == "None" for line in axes.lines)
    shown = [text.get_text() for text in axes.get_xticklabels()]
    assert shown[:2] == names[:2]
