"""By how much columns have moved from one sketch to another. NumPy alone."""

import math
import statistics
from typing import NamedTuple

import numpy as np

from trainer.process.columns import some
from trainer.sources.sketch import Bins
from trainer.sources.sketch import Sketch

# Population stability index from which on a column counts as moved (Siddiqi
# 2006, table 8.1: below it "no significant change"; above 0.25 a "major" one).
LEAST_PSI, MAJOR_PSI = 0.1, 0.25
# It is taken over bins of some tenth of the training rows each.
PSI_BINS = 10
# Stands for a bin that holds no row, since the index takes logarithms.
LEAST_COUNT = 0.5
# Columns that a warning names.
MOST_NAMED = 3
CONFIDENCE = 0.95


class Shift(NamedTuple):
    """What became of a column.

    Attributes:
      name: of the column.
      psi: population stability index, over values, missing and new ones.
      chance_psi: that only one column of all in twenty looks would exceed if
        nothing had moved.
      ks: greatest distance of both distributions of what is not missing; None
        of texts.
      ks_interval: of that distance, by the inequality of Dvoretzky, Kiefer and
        Wolfowitz with Massart's constant (1990), for all columns together.
      missing: shares before and now.
      new: share of rows now whose text no training row has.
    """

    name: str
    psi: float
    chance_psi: float
    ks: float | None
    ks_interval: tuple[float, float] | None
    missing: tuple[float, float]
    new: float

    @property
    def has_moved(self) -> bool:
        """Whether it has, by more than chance and by enough to matter."""
        return self.psi > max(LEAST_PSI, self.chance_psi)


class Confidence(NamedTuple):
    """How sure a network is of its answers, and what follows.

    Attributes:
      mean_probability_test: mean chance of what it answered of test rows.
      mean_probability_now: the same of other rows.
      accuracy_test: share of right answers on the test rows.
      accuracy_now: the share that follows, where it is as right for its chances
        as it was there (Guillory and others 2021, "difference of confidences").
    """

    mean_probability_test: float
    mean_probability_now: float
    accuracy_test: float
    accuracy_now: float


def confidence(bins: list[dict[str, float]], now: float) -> Confidence:
    """Returns how sure a network is, against how sure it was.

    Args:
      bins: of the calibration on the test rows.
      now: mean chance of what it answers now.
    """
    weights = [each["rows"] for each in bins]
    before, right = (
        float(np.average([each[name] for each in bins], weights=weights))
        for name in ("mean_probability", "right")
    )
    expected = min(1.0, max(0.0, right - before + now))
    return Confidence(before, now, right, expected)


def compare(before: Sketch, now: Sketch) -> list[Shift]:
    """Returns what became of each column, the most moved first.

    Args:
      before: of the training rows.
      now: of other rows, in the same bins.
    """
    if not now.rows:
        return []
    columns = len(before.bins)
    found = [
        _shift(bins, old, new, columns)
        for bins, old, new in zip(
            before.bins, before.counts, now.counts, strict=True
        )
    ]
    return sorted(found, key=lambda shift: -shift.psi)


def warnings(found: list[Shift]) -> list[str]:
    """Returns a line for people where columns have moved, else none."""
    names = [repr(shift.name) for shift in found if shift.has_moved]
    if not names:
        return []
    have = "has" if len(names) == 1 else "have"
    return [
        f"{some(names, MOST_NAMED)} {have} moved against the training rows;"
        " strata drift says by how much, and what it may cost"
    ]


def _shift(
    bins: Bins, before: np.ndarray, now: np.ndarray, columns: int
) -> Shift:
    size, old_rows, new_rows = bins.size, int(before.sum()), int(now.sum())
    groups = _groups(bins, before)
    old, new = (np.bincount(groups, counts) for counts in (before, now))
    is_there = (old + new) > 0
    old, new = (
        np.maximum(counts[is_there], LEAST_COUNT) for counts in (old, new)
    )
    p, q = old / old.sum(), new / new.sum()
    ks, interval = None, None
    there = before[:size].sum(), now[:size].sum()
    if not bins.words and all(there):
        steps = [np.cumsum(c[:size]) / c[:size].sum() for c in (before, now)]
        ks = float(np.abs(steps[0] - steps[1]).max())
        # Half of what may be wrong goes to either sample.
        wrong = (1 - CONFIDENCE) / columns / 2
        slack = sum(math.sqrt(math.log(2 / wrong) / 2 / int(n)) for n in there)
        interval = max(0.0, ks - slack), min(1.0, ks + slack)
    return Shift(
        bins.name,
        float(((q - p) * np.log(q / p)).sum()),
        _chance_psi(len(p), float(1 / old_rows + 1 / new_rows), columns),
        ks,
        interval,
        (float(before[size] / old_rows), float(now[size] / new_rows)),
        float(now[size + 1] / new_rows),
    )


def _groups(bins: Bins, before: np.ndarray) -> np.ndarray:
    """Returns the group of each bin: tenths of numbers, each text its own."""
    places = np.arange(bins.size + 2)
    if bins.words:
        return places
    counts = before[: bins.size]
    below = np.cumsum(counts) - counts / 2
    tenths = np.floor(PSI_BINS * below / max(1, counts.sum())).astype(int)
    tenths = np.minimum(tenths, PSI_BINS - 1)
    return np.concatenate([tenths, [PSI_BINS, PSI_BINS + 1]])


def _chance_psi(bins: int, rows: float, columns: int) -> float:
    """Returns what the index exceeds by chance, for all columns together.

    It is distributed as the chi-squared of one degree less than its bins, times
    1 / n + 1 / m (Yurdakul and Naranjo 2020), whose quantile is Wilson's and
    Hilferty's (1931).
    """
    degrees = max(1, bins - 1)
    wrong = (1 - CONFIDENCE) / columns
    z = statistics.NormalDist().inv_cdf(1 - wrong)
    part = 2 / (9 * degrees)
    return degrees * (1 - part + z * math.sqrt(part)) ** 3 * rows
