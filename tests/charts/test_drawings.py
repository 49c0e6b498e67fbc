"""What is drawn stands where it belongs, and the words say the same."""

from matplotlib.colors import to_hex

from tests.charts.looking import axes_of
from tests.charts.looking import texts_of
from trainer.charts import drawings


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
