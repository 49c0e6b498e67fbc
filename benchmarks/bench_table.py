"""What `make bench` found, as rows and bars: a table of results.json."""

import statistics
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from benchmarks.contestants import ALL
from benchmarks.contestants import COURSE
from benchmarks.contestants import JAX
from benchmarks.contestants import MOVES
from benchmarks.contestants import PRODUCTS
from benchmarks.contestants import PYTORCH

# An epoch of the recipe, in floating point operations; see peers/products.py.
EPOCH_OPERATIONS = 60_000 * (4 * 784 * 784 + 6 * 784 * 10)
OURS = "Strata"
WANTED_ACCURACY = 0.9795
LEAST_SEED_ACCURACY = 0.9780
# Rows a batch, of `predict`.
PREDICTED = "1024"
# What a run took at revision 3642b00 at its peak, on two such cores.
FORMER_PEAK_BYTES = 963e6


class Row(NamedTuple):
    """A contestant's line of the table; None where it has no figure.

    Attributes:
      name: in results.json.
      epoch_secs: of the median epoch, of those that were taken in turn.
      spread: the least and the most of them.
      against: how many times Strata's epoch it takes, the median of neighbours.
      quartiles: of these ratios.
      process_secs: of the median whole process.
      peak_bytes: of its memory.
      accuracy: of the test rows, the median.
    """

    name: str
    epoch_secs: float
    spread: tuple[float, float]
    against: float | None
    quartiles: tuple[float, float] | None
    process_secs: float | None
    peak_bytes: float | None
    accuracy: float | None


class Bar(NamedTuple):
    """A figure that Strata is held to.

    Attributes:
      words: what was measured.
      found: the figure.
      bar: what it is held against.
      is_most: it may be at most the bar; else at least.
    """

    words: str
    found: float
    bar: float
    is_most: bool = False

    @property
    def is_met(self) -> bool:
        if self.is_most:
            return self.found <= self.bar
        return self.found >= self.bar

    def __str__(self) -> str:
        kind = "at most" if self.is_most else "at least"
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.words} {self.found:.2f} ({kind} {self.bar:g}): {verdict}"


def ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Returns how many times the first the second of a pair is: the median.

    The two of a pair saw the same minutes of the machine, and no others.
    """
    return statistics.median(theirs / ours for ours, theirs in pairs)


def quartiles(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Returns the lower and the upper quartile of the pairs' ratios."""
    low, _, high = statistics.quantiles((b / a for a, b in pairs), n=4)
    return low, high


def rows(found: dict[str, Any]) -> list[Row]:
    """Returns a row a contestant, Strata's first and then the quickest.

    Args:
      found: what results.json holds.
    """
    turns = found["in_turn"]
    ours = [pair[0] for pairs in turns.values() for pair in pairs]
    theirs = [
        _row(found, name, [pair[1] for pair in pairs])
        for name, pairs in turns.items()
        if name != MOVES.name
    ]
    theirs.sort(key=lambda row: row.against or 0.0)
    return [_row(found, OURS, ours), *theirs]


def _row(found: dict[str, Any], name: str, epochs: list[float]) -> Row:
    pairs = found["in_turn"].get(name)
    ran = found["recipe"].get(name)
    return Row(
        name,
        statistics.median(epochs),
        (min(epochs), max(epochs)),
        ratio(pairs) if pairs else None,
        quartiles(pairs) if pairs else None,
        statistics.median(ran["wall_secs"]) if ran else None,
        statistics.median(ran["peak_bytes"]) if ran else None,
        statistics.median(ran["accuracy"]) if ran else None,
    )


def floor(found: dict[str, Any]) -> tuple[str, float]:
    """Returns the quickest products' name, and the floor over Strata's epoch.

    The floor is an epoch's products by the quickest library, and the
    optimizer's arrays moved at this machine's speed.
    """
    turns = found["in_turn"]
    quickest = min(
        (each.name for each in PRODUCTS), key=lambda name: ratio(turns[name])
    )
    return quickest, ratio(turns[quickest]) + ratio(turns[MOVES.name])


def bars(found: dict[str, Any]) -> list[Bar]:
    """Returns what Strata is held to, and what was found.

    Args:
      found: what results.json holds.
    """
    turns, recipe = found["in_turn"], found["recipe"]
    processes = zip(
        recipe[COURSE.name]["wall_secs"], recipe[OURS]["wall_secs"], strict=True
    )
    fits = zip(
        *(
            found["to_accuracy"][n]["fit_secs"]
            for n in ("mnist_fast", COURSE.name)
        ),
        strict=True,
    )
    scores = found["to_accuracy"]["mnist_fast"]["accuracy"]
    quickest, share = floor(found)
    least = min(ratio(turns[each.name]) for each in PYTORCH)
    peak = statistics.median(recipe[OURS]["peak_bytes"])
    return [
        Bar(
            "an epoch of JAX at its best, over Strata's",
            ratio(turns[JAX.name]),
            1,
        ),
        Bar(
            f"the floor ({quickest}, arrays moved) over Strata's epoch",
            share,
            0.9,
        ),
        Bar(
            "an epoch of Keras `fit`, over Strata's",
            ratio(turns[COURSE.name]),
            2.2,
        ),
        Bar("an epoch of PyTorch's best, over Strata's", least, 1.3),
        Bar(
            "Strata's whole process, over the course script's",
            ratio(processes),
            0.45,
            True,
        ),
        Bar("the course script's fit, over `mnist_fast`", ratio(fits), 18),
        Bar(
            "`mnist_fast`: accuracy of the test rows, % on average",
            100 * statistics.mean(scores),
            100 * WANTED_ACCURACY,
        ),
        Bar(
            "`mnist_fast`: accuracy of the least seed, %",
            100 * min(scores),
            100 * LEAST_SEED_ACCURACY,
        ),
        Bar(
            "peak memory, over that of revision 3642b00",
            peak / FORMER_PEAK_BYTES,
            0.75,
            True,
        ),
        Bar(
            "rows a second of `predict` at 1,024, over Keras's",
            found["predict"][PREDICTED],
            2,
        ),
    ]


def parts(found: dict[str, Any]) -> dict[str, float]:
    """Returns where the seconds of Strata's whole process go, most first."""
    ran = found["recipe"][OURS]
    names = sorted({name for part in ran["goodput"] for name in part})
    medians = {
        name: statistics.median(part.get(name, 0.0) for part in ran["goodput"])
        for name in names
    }
    rest = statistics.median(ran["wall_secs"]) - sum(medians.values())
    medians["report and end"] = rest
    told = sorted(medians.items(), key=lambda item: -item[1])
    return {name: secs for name, secs in told if secs >= 0.005}


def text(found: dict[str, Any]) -> Iterator[str]:
    """Yields the lines that `make bench` ends with."""
    yield (
        f"{'':20} {'s/epoch':>8} {'spread':>11} {'x Strata':>8}"
        f" {'quartiles':>9} {'process s':>9} {'peak MB':>7} {'accuracy':>8}"
    )
    for row in rows(found):
        spread = "-".join(f"{secs:.2f}" for secs in row.spread)
        line = f"{row.name:20} {row.epoch_secs:8.3f} {spread:>11}"
        if row.against is not None and row.quartiles is not None:
            low, high = row.quartiles
            line += f" {row.against:8.2f} {low:4.2f}-{high:4.2f}"
        else:
            line += " " * 19
        if row.process_secs is not None and row.peak_bytes is not None:
            line += f" {row.process_secs:9.2f} {row.peak_bytes / 1e6:7.0f}"
            line += f" {row.accuracy:8.4f}"
        yield line
    quickest, _ = floor(found)
    secs = statistics.median(pair[1] for pair in found["in_turn"][quickest])
    yield f"{quickest}: {EPOCH_OPERATIONS / secs / 1e9:.0f} GFLOP/s"
    told = ", ".join(f"{n} {secs:.2f}" for n, secs in parts(found).items())
    yield f"Strata's process, s: {told}"
    yield from map(str, bars(found))


def label(name: str) -> str:
    """Returns a contestant's name for the docs."""
    return ALL[name].label if name in ALL else name
