"""What is drawn of columns stands where it belongs."""

import numpy as np

from tests.charts.looking import axes_of
from trainer.charts import explanations


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
    drawing = explanations.importance("accuracy", columns)
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
    many = explanations.importance("accuracy", columns * 10)
    assert len(axes_of(many).get_yticklabels()) == explanations.MOST_COLUMNS


def test_dependence_is_a_line_of_numbers_and_points_of_texts():
    outputs = {"no": [0.9, 0.5, 0.2], "yes": [0.1, 0.5, 0.8]}
    drawing = explanations.dependence(
        "age", [20.0, 30.0, 60.0], outputs, "chance"
    )
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
    axes = axes_of(explanations.dependence("c", names, outputs, "chance"))
    assert all(line.get_linestyle() == "None" for line in axes.lines)
    shown = [text.get_text() for text in axes.get_xticklabels()]
    assert shown[:2] == names[:2]
