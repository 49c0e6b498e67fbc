"""What is drawn of the columns that a network answers by."""

from typing import Any

import numpy as np

from trainer.charts.drawings import blank
from trainer.charts.drawings import COLOURS
from trainer.charts.drawings import DASHES
from trainer.charts.drawings import Drawing
from trainer.charts.drawings import PERFECT
from trainer.charts.drawings import shown_name
from trainer.charts.drawings import SIZE
from trainer.process.columns import rounded

# Columns in the chart of importance.
MOST_COLUMNS = 20


def importance(metric: str, columns: list[dict[str, Any]]) -> Drawing:
    """Draws what a score loses without each column, with its interval.

    Args:
      metric: the score.
      columns: "column", "drop" and "interval" (or None) of each; the first
        MOST_COLUMNS are drawn, from above.
    """
    shown = columns[:MOST_COLUMNS]
    values = np.array([row["drop"] for row in shown])
    ends = np.array([row["interval"] or [row["drop"]] * 2 for row in shown])
    # An end of the bootstrap may lie beyond the value itself.
    spans = np.maximum(0, [values - ends[:, 0], ends[:, 1] - values])
    places = range(len(shown))
    with blank((SIZE[0], 0.9 + 0.24 * len(shown))) as (figure, axes):
        axes.axvline(0, **PERFECT)
        axes.errorbar(
            values, places, xerr=spans, fmt="o", color=COLOURS[0], capsize=3
        )
        axes.set_yticks(places, [shown_name(row["column"]) for row in shown])
        axes.invert_yaxis()
        axes.set(xlabel=f"{metric} lost without it")
    told = ", ".join(f"{r['column']} {rounded(r['drop'])}" for r in shown)
    return Drawing(figure, f"{metric} lost without a column: {told}")


def dependence(
    name: str, values: list[Any], outputs: dict[str, list[float]], title: str
) -> Drawing:
    """Draws how outputs go with a column.

    Args:
      name: of the column.
      values: its numbers, times or texts, in their order.
      outputs: a value at each of them, by the output's name.
      title: of the outputs.
    """
    is_text = isinstance(values[0], str)
    with blank() as (figure, axes):
        places = range(len(values)) if is_text else values
        for number, (output, means) in enumerate(outputs.items()):
            axes.plot(
                places,
                means,
                label=shown_name(output),
                color=COLOURS[number % len(COLOURS)],
                linestyle="" if is_text else DASHES[number % len(DASHES)],
                marker="o" if is_text or len(values) < 3 else None,
            )
        if is_text:
            names = [shown_name(value) for value in values]
            axes.set_xticks(places, names, rotation=30, ha="right")
        axes.set(xlabel=shown_name(name), ylabel=title)
        if len(outputs) > 1:
            axes.legend()
    told = "; ".join(
        f"{output} from {rounded(min(means))} to {rounded(max(means))}"
        for output, means in outputs.items()
    )
    return Drawing(figure, f"{title} by {name}: {told}")
