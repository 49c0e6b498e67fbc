"""Which columns a network answers by, and how: it is asked of changed rows.

NumPy alone, beside the network itself. scikit-learn's inspection takes an
estimator whose features are columns; here a column may be several features,
and its import would cost more than all that is done with it.
"""

import itertools
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple
from typing import Protocol

import numpy as np

from trainer.problem import bootstrap
from trainer.problem.problem import Problem
from trainer.sources import Dataset
from trainer.sources.dataset import evenly_spaced
from trainer.tables.column import placed

# How often a column's cells are shuffled, and the rows are drawn again.
SHUFFLES = 5
DRAWS = 200
# Rows that are asked: so many at most, fewer of a large network, and no
# explanation where these would be too few.
MOST_ROWS = 1000
LEAST_ROWS = 100
MOST_COLUMNS = 100
# Weights times rows that are asked in all: about a second on two cores.
MOST_PRODUCTS = 20_000_000_000
# Columns whose dependence is shown, at so many values, over so many rows.
MOST_SHOWN = 4
MOST_VALUES = 20
MOST_TEXTS = 10
MOST_AVERAGED = 200
MOST_LINES = 6


class Probe(Protocol):
    """A network that is asked of rows, as they are stored."""

    @property
    def parameters(self) -> int:
        """How many weights it has."""

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Returns float32 [rows, outputs], in the target's own units."""


class Column(NamedTuple):
    """A column of a table among the features of its rows.

    Attributes:
      name: for people.
      place: of its features.
      shown: from these, [rows, features], to its values.
    """

    name: str
    place: slice
    shown: Callable[[np.ndarray], np.ndarray]


def columns_of(dataset: Dataset) -> list[Column]:
    """Returns the columns of a table, in their order."""
    if dataset.encoding is None:
        count = dataset.splits["train"].x.shape[1]
        names = dataset.feature_names or [f"column {i}" for i in range(count)]
        return [
            Column(name, slice(i, i + 1), lambda x: x[:, 0].astype(np.float64))
            for i, name in enumerate(names)
        ]
    return [
        Column(column.name, place, column.shown)
        for column, place in placed(dataset.encoding.columns)
    ]


def explain(
    problem: Problem, dataset: Dataset, split: str, probe: Probe
) -> dict[str, Any] | None:
    """Says which columns a network's score hangs on, and how its answers do.

    Args:
      problem: the run's.
      dataset: its labels as `Problem.convert` left them.
      split: whose rows are asked.
      probe: the network.

    Returns:
      None of what is no table; {"left_out": why}; or JSON values: "rows",
      "metric", "importance" and "dependence".
    """
    held = dataset.splits[split]
    if dataset.kind != "table" or held.x.ndim != 2:
        return None
    columns = columns_of(dataset)
    rows = rows_asked(held.examples, len(columns), probe.parameters)
    if not rows:
        return {
            "left_out": f"{len(columns):,} columns and {probe.parameters:,}"
            " weights are too many to shuffle in passing"
        }
    some = evenly_spaced(held.examples, rows)
    truth = held.labels()[some]
    if not problem.has_score(truth):
        return {"left_out": f"the rows that are asked have no {problem.score}"}
    x = held.x[held.places(some)]
    found = importance(problem, x, truth, probe, columns)
    named = {column.name: column for column in columns}
    ordered = (named[row["column"]] for row in found)
    # A column that is empty in all of these rows has no value to show.
    filled = (c for c in ordered if len(grid(c.shown(x[:, c.place]))))
    shown = itertools.islice(filled, MOST_SHOWN)
    return {
        "rows": rows,
        "metric": problem.score,
        "importance": found,
        "dependence": [
            dependence(problem, x, probe, column) for column in shown
        ],
    }


def rows_asked(examples: int, columns: int, parameters: int) -> int:
    """Returns how many rows are asked; 0 where it would take too long."""
    fitting = MOST_PRODUCTS // max(1, SHUFFLES * columns * parameters)
    if columns > MOST_COLUMNS or fitting < min(LEAST_ROWS, examples):
        return 0
    return min(examples, MOST_ROWS, fitting)


def importance(
    problem: Problem,
    x: np.ndarray,
    truth: np.ndarray,
    probe: Probe,
    columns: list[Column],
) -> list[dict[str, Any]]:
    """Says by how much the score falls once a column tells nothing.

    Permutation importance (L. Breiman 2001, Random forests, section 10; of any
    model, A. Fisher, C. Rudin & F. Dominici 2019): a column's cells are
    shuffled among the rows, several times. The interval is that of the paired
    bootstrap over the rows.

    Returns:
      "column", "drop" and "interval" of each, the greatest drop first.
    """
    random = np.random.RandomState(0)
    orders = [random.permutation(len(x)) for _ in range(SHUFFLES)]
    (own,) = _scores(problem, truth, probe.outputs(x)[None])
    found = []
    for column in columns:
        shuffled = np.tile(x, (SHUFFLES, 1))
        cells = x[:, column.place]
        shuffled[:, column.place] = np.concatenate([cells[o] for o in orders])
        outputs = probe.outputs(shuffled).reshape(SHUFFLES, len(x), -1)
        drops = own - np.mean(list(_scores(problem, truth, outputs)), axis=0)
        found.append(
            {
                "column": column.name,
                "drop": float(drops[0]),
                "interval": bootstrap.interval(drops[1:]),
            }
        )
    return sorted(found, key=lambda row: -row["drop"])


def _scores(
    problem: Problem, truth: np.ndarray, outputs: np.ndarray
) -> Iterator[np.ndarray]:
    """Yields the scores of each of several outputs, [1 + draws]."""
    named = {str(number): each for number, each in enumerate(outputs)}
    yield from bootstrap.scores_of(problem, truth, named, DRAWS).values()


def dependence(
    problem: Problem, x: np.ndarray, probe: Probe, column: Column
) -> dict[str, Any]:
    """Says how the mean answer goes with a column, all else left as it is.

    Partial dependence (J. H. Friedman 2001, Greedy function approximation,
    section 8.2), at values that rows have.

    Returns:
      "column", "values" (numbers, texts, or times in ISO 8601), "is_time", and
      "outputs": those that move most, a list by the name of each.
    """
    cells = x[:, column.place]
    values = column.shown(cells)
    chosen = grid(values)
    some = x[evenly_spaced(len(x), MOST_AVERAGED)]
    asked = np.tile(some, (len(chosen), 1))
    asked[:, column.place] = np.repeat(cells[chosen], len(some), axis=0)
    outputs = probe.outputs(asked).reshape(len(chosen), len(some), -1)
    means = outputs.mean(axis=1, dtype=np.float64)
    named = problem.labels[-problem.outputs :] or problem.output_columns
    moving = np.argsort(-np.ptp(means, axis=0), kind="stable")[:MOST_LINES]
    is_time = values.dtype.kind == "M"
    told = values[chosen].astype("datetime64[s]") if is_time else values[chosen]
    return {
        "column": column.name,
        "values": (told.astype(str) if is_time else told).tolist(),
        "is_time": is_time,
        "outputs": {
            named[place]: means[:, place].tolist() for place in sorted(moving)
        },
    }


def grid(values: np.ndarray) -> np.ndarray:
    """Chooses rows whose values are shown, int64 [some], in the values' order.

    Args:
      values: numbers, times or texts, [rows]; missing ones are not chosen.

    Returns:
      A row of each value; of more than MOST_VALUES those nearest to as many
      evenly spaced ones between the 5th and the 95th percentile, and of texts
      the MOST_TEXTS commonest.
    """
    if values.dtype.kind == "U":
        _, rows, counts = np.unique(
            values, return_index=True, return_counts=True
        )
        return rows[np.sort(np.argsort(-counts, kind="stable")[:MOST_TEXTS])]
    is_time = values.dtype.kind == "M"
    known = np.flatnonzero(~(np.isnat if is_time else np.isnan)(values))
    numbers = values[known].astype(np.int64 if is_time else np.float64)
    distinct, first = np.unique(numbers, return_index=True)
    if len(distinct) > MOST_VALUES:
        low, high = np.quantile(numbers, (0.05, 0.95))
        wanted = np.linspace(low, high, MOST_VALUES)
        gaps = np.abs(distinct[:, None] - wanted)
        first = first[np.unique(gaps.argmin(axis=0))]
    return known[first]
