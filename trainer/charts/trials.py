"""What is drawn of a sweep's trials."""

import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from trainer.charts.drawings import blank
from trainer.charts.drawings import COLOURS
from trainer.charts.drawings import Drawing
from trainer.charts.drawings import shown_name


def history(
    metric: str, scores: dict[int, float], *, is_lower_better: bool
) -> Drawing:
    """Draws each trial's score, and the best one so far.

    Args:
      metric: that the scores are of.
      scores: by the number of the trial, in its order; one or more.
      is_lower_better: whether less of it is better.
    """
    better = min if is_lower_better else max
    numbers, values = list(scores), list(scores.values())
    best = [better(values[: n + 1]) for n in range(len(values))]
    with blank() as (figure, axes):
        axes.scatter(numbers, values, s=16, color=COLOURS[0], label="a trial")
        axes.step(
            numbers, best, where="post", color=COLOURS[1], label="best so far"
        )
        axes.set(xlabel="trial", ylabel=metric)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()
    winner = numbers[values.index(best[-1])]
    return Drawing(
        figure,
        f"{metric} by trial: the best of {len(values)} is {best[-1]:.4g}, of"
        f" trial {winner}",
    )


def parallel(
    metric: str,
    columns: Mapping[str, Sequence[Any]],
    scores: Sequence[float],
    *,
    logs: Sequence[str] = (),
    is_lower_better: bool,
) -> Drawing:
    """Draws a line a trial through its fields' values, the best ones on top.

    Args:
      metric: that the scores are of.
      columns: {field: its value in each trial, None where it has none}.
      scores: of the trials.
      logs: the fields whose axes go by factors.
      is_lower_better: whether less of the metric is better.
    """
    axes_of = {
        name: _places(values, is_log=name in logs)
        for name, values in {**columns, metric: scores}.items()
    }
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    if is_lower_better:
        order.reverse()
    ranks = {trial: rank for rank, trial in enumerate(order)}
    with blank((max(6.4, 0.9 * len(axes_of)), 3.6)) as (figure, axes):
        axes.grid(visible=False)
        for place, (_, marks) in enumerate(axes_of.values()):
            axes.axvline(place, color="#888888", linewidth=0.8)
            for height, mark in marks:
                told = f" {shown_name(mark)}"
                axes.text(place, height, told, fontsize=7, va="center")
        for trial in order:
            places = [places[trial] for places, _ in axes_of.values()]
            share = (ranks[trial] + 1) / len(order)
            axes.plot(
                range(len(places)),
                places,
                color=COLOURS[1] if share == 1 else COLOURS[0],
                alpha=1.0 if share == 1 else 0.15 + 0.6 * share**2,
                linewidth=2.0 if share == 1 else 1.0,
            )
        axes.set_xticks(
            range(len(axes_of)),
            [shown_name(name.rpartition(".")[2]) for name in axes_of],
            rotation=20,
        )
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set(xlim=(-0.1, len(axes_of) - 0.5), ylim=(-0.05, 1.05))
    best = order[-1]
    told = ", ".join(f"{name} {v[best]}" for name, v in columns.items())
    return Drawing(
        figure,
        f"{len(scores)} trials, a line each; the best has {told}, {metric}"
        f" {scores[best]:.4g}",
    )


def _places(
    values: Sequence[Any], *, is_log: bool
) -> tuple[list[float], list[tuple[float, str]]]:
    """Returns each value's height on an axis from 0 to 1, and the axis' marks.

    A value that is not there has none: its line is broken.
    """
    there = [v for v in values if v is not None]
    numbers = all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in there
    )
    if not numbers:
        names = sorted({str(v) for v in there})
        at = {n: i / max(1, len(names) - 1) for i, n in enumerate(names)}
        return (
            [math.nan if v is None else at[str(v)] for v in values],
            [(height, name) for name, height in at.items()],
        )
    scaled = [
        math.nan if v is None else math.log(v) if is_log else float(v)
        for v in values
    ]
    low, high = min(there, default=0), max(there, default=1)
    first = min((v for v in scaled if not math.isnan(v)), default=0.0)
    last = max((v for v in scaled if not math.isnan(v)), default=1.0)
    span = last - first or 1.0
    marks = [(0.0, f"{low:.3g}")]
    if last > first:
        marks.append((1.0, f"{high:.3g}"))
    return [(v - first) / span for v in scaled], marks
