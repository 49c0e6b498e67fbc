"""What `make bench` prints and draws of its runs, bars beside the figures."""

import pathlib
import statistics
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

CHART = pathlib.Path(__file__).parents[1] / "docs" / "images" / "speed.png"
# An epoch of the recipe, in floating point operations; see peers/products.py.
EPOCH_OPERATIONS = 60_000 * (4 * 784 * 784 + 6 * 784 * 10)
OURS, COURSE = "Strata", "course script"
# Matrix products alone, and the module that makes them.
FLOORS = {"products, PyTorch": "torch", "products, NumPy": "numpy"}
PYTORCH = ("PyTorch", "PyTorch, compiled")
# Seconds of Strata's epoch and its neighbour's, by contestant.
Turns = dict[str, list[tuple[float, float]]]


def wall_secs(runs: list) -> float:
    """Returns the median seconds of a whole process."""
    return statistics.median(run.wall_secs for run in runs)


def ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Returns how many times the first the second of a pair is: the median.

    The two of a pair saw the same minutes of the machine, and no others.
    """
    return statistics.median(theirs / ours for ours, theirs in pairs)


def quartiles(pairs: list[tuple[float, float]]) -> list[float]:
    """Returns the quartiles of the pairs' ratios, lowest first."""
    return statistics.quantiles((b / a for a, b in pairs), n=4)


def epochs_by_name(turns: Turns) -> dict[str, list[float]]:
    """Returns the seconds of each contestant's epochs, Strata's first."""
    ours = [pair[0] for pairs in turns.values() for pair in pairs]
    return {
        OURS: ours,
        **{name: [pair[1] for pair in p] for name, p in turns.items()},
    }


def held(words: str, figure: float, bar: float, *, most: bool = False) -> str:
    """Returns a figure with its bar, and whether it was met."""
    met = figure <= bar if most else figure >= bar
    kind = "at most" if most else "at least"
    verdict = "met" if met else "MISSED"
    return f"{words} {figure:.2f} ({kind} {bar:g}): {verdict}"


def recipe_lines(turns: Turns, ran: dict[str, list]) -> Iterator[str]:
    """Yields a table of the recipe's contestants, and its bars.

    Args:
      turns: epochs.
      ran: whole processes; none of the matrix products.
    """
    against = {name: ratio(pairs) for name, pairs in turns.items()}
    yield (
        f"{'':18} {'s/epoch':>8} {'spread':>11} {'x Strata':>8}"
        f" {'quartiles':>9} {'first':>6} {'process s':>9} {'peak MB':>7}"
        f" {'accuracy':>8}"
    )
    secs_by_name = epochs_by_name(turns)
    for name, secs in secs_by_name.items():
        spread = f"{min(secs):.2f}-{max(secs):.2f}"
        line = f"{name:18} {statistics.median(secs):8.3f} {spread:>11}"
        if name in turns:
            low, _, high = quartiles(turns[name])
            line += f" {against[name]:8.2f} {low:4.2f}-{high:4.2f}"
        else:
            line += " " * 19
        yield line + (_of_processes(ran[name]) if name in ran else "")
    yield held("Keras fit against Strata", against[COURSE], 2.2)
    best = min(against[name] for name in PYTORCH)
    yield held("PyTorch's best against Strata", best, 1.6)
    yield held("JAX against Strata", against["JAX"], 1.0)
    quickest = min(FLOORS, key=lambda name: against[name])
    speed = EPOCH_OPERATIONS / statistics.median(secs_by_name[quickest])
    yield held(
        f"share of the quickest products' speed ({speed / 1e9:.0f} GFLOP/s)",
        against[quickest],
        0.75,
    )
    processes = zip(ran[COURSE], ran[OURS], strict=True)
    yield held(
        "whole process against the course script",
        ratio((a.wall_secs, b.wall_secs) for a, b in processes),
        0.55,
        most=True,
    )


def _of_processes(runs: list) -> str:
    first = statistics.median(run.found["epoch_secs"][0] for run in runs)
    peak = statistics.median(run.peak_bytes for run in runs) / 1e6
    accuracy = statistics.median(run.found["accuracy"] for run in runs)
    return f" {first:6.2f} {wall_secs(runs):9.2f} {peak:7.0f} {accuracy:8.4f}"


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
    fits = ([run.found["fit_secs"] for run in runs] for runs in ran.values())
    times = ratio(zip(*fits, strict=True))
    yield held("course script's fit against mnist_fast", times, 8)


def draw(turns: Turns, ran: dict[str, list], machine: dict[str, Any]) -> None:
    """Draws an epoch against Strata's, and seconds of the whole process.

    The spread beside is of quartiles on the left, of extremes on the right.
    """
    from matplotlib.figure import Figure

    from trainer.charts.drawings import COLOURS

    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    ours = statistics.median(epochs_by_name(turns)[OURS])
    # (median, low, high) by name.
    ratios = {OURS: (1.0, 1.0, 1.0)}
    for name, pairs in turns.items():
        low, middle, high = quartiles(pairs)
        ratios[name] = (middle, low, high)
    walls = {}
    for name, runs in ran.items():
        secs = [run.wall_secs for run in runs]
        walls[name] = (wall_secs(runs), min(secs), max(secs))
    order = sorted(ratios, key=lambda name: ratios[name][0])
    for axes, label, found in (
        (left, f"an epoch, times Strata's of {ours:.2f} s", ratios),
        (right, "seconds of the whole process", walls),
    ):
        for place, name in enumerate(order):
            if name not in found:
                continue
            middle, low, high = found[name]
            axes.barh(
                place,
                middle,
                color=COLOURS[0] if name == OURS else "#bbbbbb",
                xerr=[[middle - low], [high - middle]],
                ecolor="#555555",
            )
            axes.text(high, place, f" {middle:.2f}", va="center", fontsize=8)
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
