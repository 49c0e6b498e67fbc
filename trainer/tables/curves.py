"""What bends numbers of heavy tails, so that a few do not outweigh all."""

import dataclasses
from typing import Any

import numpy as np

# A tail is heavy where a number lies so many interquartile ranges from the
# median: a normal variable's farthest of a million lies 4 of them off.
HEAVY_RANGES = 20
MOST_KNOTS = 256


@dataclasses.dataclass(frozen=True)
class SignedLog:
    """log(1 + distance) with the sign of the distance from the median.

    Attributes:
      median: of the training rows.
      spread: their interquartile range, which distances are measured in.
    """

    median: float
    spread: float

    @property
    def told(self) -> str:
        return "the logarithm of 1 + the distance from the median is taken"

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Returns float64 [rows] of float64 [rows]."""
        part = (values - self.median) / self.spread
        return np.sign(part) * np.log1p(np.abs(part))

    def inverse(self, bent: np.ndarray) -> np.ndarray:
        """Returns the values that were bent, float64 [rows]."""
        part = np.sign(bent) * np.expm1(np.abs(bent))
        return part * self.spread + self.median

    def to_json(self) -> dict[str, Any]:
        return {"median": self.median, "spread": self.spread}


@dataclasses.dataclass(frozen=True)
class Quantiles:
    """The rank among the training rows, from -1 to 1.

    Attributes:
      knots: rising numbers of the training rows.
      ranks: of each.
    """

    knots: tuple[float, ...]
    ranks: tuple[float, ...]

    @property
    def told(self) -> str:
        return "the rank among the training rows is taken, from -1 to 1"

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Returns float64 [rows] of float64 [rows]."""
        knots, ranks = np.array(self.knots), np.array(self.ranks)
        place = np.searchsorted(knots, values, side="right") - 1
        place = np.clip(place, 0, len(knots) - 2)
        low, high = knots[place], knots[place + 1]
        part = np.clip((values - low) / (high - low), 0, 1)
        first, last = ranks[place], ranks[place + 1]
        return first + part * (last - first)

    def inverse(self, bent: np.ndarray) -> np.ndarray:
        """Returns the values that were bent, float64 [rows]; ends at most."""
        return np.interp(bent, self.ranks, self.knots)

    def to_json(self) -> dict[str, Any]:
        return {"knots": list(self.knots), "ranks": list(self.ranks)}


Curve = SignedLog | Quantiles


def from_json(value: dict[str, Any]) -> Curve:
    """Returns the curve that its `to_json` told.

    Raises:
      KeyError, TypeError, ValueError: it told something else.
    """
    if "spread" in value:
        return SignedLog(float(value["median"]), float(value["spread"]))
    knots, ranks = (tuple(map(float, value[k])) for k in ("knots", "ranks"))
    if len(knots) != len(ranks) or len(knots) < 2:
        raise ValueError("curve")
    return Quantiles(knots, ranks)


def fit(values: np.ndarray, kind: str) -> Curve | None:
    """Settles a curve by the training rows.

    Args:
      values: float64 [rows], none missing.
      kind: the config's data.heavy_tails.

    Returns:
      The curve; None where there is none, or no tail is heavy.
    """
    if kind == "none":
        return None
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    farthest = np.abs(values - median).max()
    if not high > low or farthest <= HEAVY_RANGES * (high - low):
        return None
    if kind == "signed_log":
        return SignedLog(float(median), float(high - low))
    ranks = np.linspace(-1, 1, min(len(values), MOST_KNOTS))
    knots = np.quantile(values, (ranks + 1) / 2)
    # Of equal knots the middle one's rank.
    knots, first, count = np.unique(
        knots, return_index=True, return_counts=True
    )
    middle = (ranks[first] + ranks[first + count - 1]) / 2
    return Quantiles(tuple(knots.tolist()), tuple(middle.tolist()))
