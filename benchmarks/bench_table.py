"""What `make bench` prints and draws of its runs, bars beside the figures."""

import pathlib
import statistics
from collections.abc import Iterator
from typing import Any

CHART = pathlib.Path(__file__).parents[1] / "docs" / "images" / "speed.png"
# An epoch of the recipe, in floating point operations; see peers/products.py.
EPOCH_OPERATIONS = 60_000 * (4 * 784 * 784 + 6 * 784 * 10)
OURS, COURSE = "Strata", "course script"
# Matrix products alone, and the module that makes them.
FLOORS = {"products, PyTorch": "torch", "products, NumPy": "numpy"}
PYTORCH = ("PyTorch", "PyTorch, compiled")


def epoch_secs(runs: list) -> list[float]:
    """Returns each run's epochs but the first, which warms up."""
    return [secs for run in runs for secs in run.found["epoch_secs"][1:]]


def wall_secs(runs: list) -> float:
    """Returns the median seconds of a whole process."""
    return statistics.median(run.wall_secs for run in runs)


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Returns how many times as long as ours theirs took, the median of rounds.

    Both saw the same minutes of the machine in a round, and no others.

    Args:
      ours: seconds of each round.
      theirs: likewise.
    """
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def held(words: str, figure: float, bar: float, *, most: bool = False) -> str:
    """Returns a figure with its bar, and whether it was met."""
    met = figure <= bar if most else figure >= bar
    kind = "at most" if most else "at least"
    verdict = "met" if met else "MISSED"
    return f"{words} {figure:.2f} ({kind} {bar:g}): {verdict}"


def recipe_lines(ran: dict[str, list]) -> Iterator[str]:
    """Yields a table of the recipe's contestants, and its bars."""
    rounds = {
        name: [statistics.median(epoch_secs([run])) for run in runs]
        for name, runs in ran.items()
    }
    against = {name: ratio(rounds[OURS], secs) for name, secs in rounds.items()}
    yield (
        f"{'':18} {'s/epoch':>8} {'spread':>13} {'x Strata':>8} {'first':>6}"
        f" {'process s':>9} {'peak MB':>7} {'accuracy':>8}"
    )
    for name, runs in ran.items():
        secs = epoch_secs(runs)
        first = statistics.median(r.found["epoch_secs"][0] for r in runs)
        peak = statistics.median(r.peak_bytes for r in runs) / 1e6
        scores = [r.found["accuracy"] for r in runs if "accuracy" in r.found]
        score = f"{statistics.median(scores):8.4f}" if scores else " " * 8
        yield (
            f"{name:18} {statistics.median(secs):8.3f}"
            f" {min(secs):6.3f}-{max(secs):6.3f} {against[name]:8.2f}"
            f" {first:6.2f} {wall_secs(runs):9.2f} {peak:7.0f} {score}"
        )
    yield held("Keras fit against Strata", against[COURSE], 2.2)
    best = min(against[name] for name in PYTORCH)
    yield held("PyTorch's best against Strata", best, 1.6)
    yield held("JAX against Strata", against["JAX"], 1.0)
    quickest = min(FLOORS, key=lambda name: against[name])
    speed = EPOCH_OPERATIONS / statistics.median(rounds[quickest])
    yield held(
        f"share of the quickest products' speed ({speed / 1e9:.0f} GFLOP/s)",
        against[quickest],
        0.75,
    )
    yield held(
        "whole process against the course script",
        ratio(*([r.wall_secs for r in ran[name]] for name in (COURSE, OURS))),
        0.55,
        most=True,
    )


def start_lines(runs: list) -> Iterator[str]:
    """Yields where the time of Strata's whole process goes."""
    names = sorted({name for run in runs for name in run.found["goodput"]})
    medians = {
        name: statistics.median(r.found["goodput"].get(name, 0.0) for r in runs)
        for name in names
    }
    rest = wall_secs(runs) - sum(medians.values())
    medians["report and end"] = rest
    told = sorted(medians.items(), key=lambda item: -item[1])
    parts = (f"{name} {secs:.2f}" for name, secs in told if secs >= 0.005)
    yield f"Strata's process, s: {', '.join(parts)}"


def accuracy_lines(ran: dict[str, list], wanted: float) -> Iterator[str]:
    """Yields what it took to come to an accuracy."""
    for name, runs in ran.items():
        scores = [r.found["accuracy"] for r in runs]
        secs = [r.found["fit_secs"] for r in runs]
        yield (
            f"{name:18} {statistics.median(secs):6.2f} s of training"
            f" ({min(secs):.2f}-{max(secs):.2f}); accuracy mean"
            f" {statistics.mean(scores):.4f}, least {min(scores):.4f}, wanted"
            f" {wanted}"
        )
    fast, course = (
        [run.found["fit_secs"] for run in runs] for runs in ran.values()
    )
    yield held("course script's fit against mnist_fast", ratio(fast, course), 8)


def draw(ran: dict[str, list], machine: dict[str, Any]) -> None:
    """Draws seconds an epoch and of the whole process, the spread beside."""
    from matplotlib.figure import Figure

    from trainer.reports.charts import COLOURS

    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    shown = {
        left: ("seconds an epoch", {n: epoch_secs(r) for n, r in ran.items()}),
        right: (
            "seconds of the whole process",
            {
                name: [run.wall_secs for run in runs]
                for name, runs in ran.items()
                if name not in FLOORS
            },
        ),
    }
    order = sorted(ran, key=lambda n: statistics.median(epoch_secs(ran[n])))
    for axes, (label, found) in shown.items():
        for place, name in enumerate(order):
            if name not in found:
                continue
            middle = statistics.median(found[name])
            spread = [[middle - min(found[name])], [max(found[name]) - middle]]
            colour = COLOURS[0] if name == OURS else "#bbbbbb"
            axes.barh(
                place, middle, color=colour, xerr=spread, ecolor="#555555"
            )
            axes.text(
                max(found[name]),
                place,
                f" {middle:.2f}",
                va="center",
                fontsize=8,
            )
        axes.set(xlabel=label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.15)
    left.set_yticks(range(len(order)), order)
    left.invert_yaxis()
    figure.suptitle(
        "The course recipe (784-784-10, batch 128, RMSprop, float32),"
        f" {machine['cores']} cores of an {machine['processor']}",
        fontsize=10,
    )
    figure.savefig(CHART, dpi=110)
