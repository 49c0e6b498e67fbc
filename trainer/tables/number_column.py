"""A column of numbers: a feature, missing ones filled with the median."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.tables import curves
from trainer.tables.column import Column
from trainer.tables.column_gatherers import is_coarse
from trainer.tables.column_gatherers import is_merged
from trainer.tables.curves import Curve
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import PLAIN
from trainer.tables.readings import PlainNumbers
from trainer.tables.table_column import TableColumn

KIND = "number"


@dataclasses.dataclass(frozen=True)
class NumberColumn(Column):
    """Numbers.

    Attributes:
      name, marks_missing: of each column.
      fill: stands for a missing number; float32's value where origin is 0.
      style: how the numbers are written.
      origin: what is subtracted in 64 bits, where 32 are too coarse for the
        numbers' spread; else 0.
      curve: what bends what is left, of heavy tails; None for nothing.
    """

    name: str
    marks_missing: bool
    fill: float = 0.0
    style: PlainNumbers | NumberStyle = PLAIN
    origin: float = 0.0
    curve: Curve | None = None

    @property
    def reading(self) -> PlainNumbers | NumberStyle:
        return self.style

    @property
    def values_features(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def told(self) -> str | None:
        words = []
        if isinstance(self.style, NumberStyle) and not self.style.is_plain:
            words.append(f"is read as {self.style.told}")
        if self.origin:
            words.append(
                f"is taken as its distance from {self.origin:,}, since its"
                " spread is too small for the precision of float32"
            )
        if self.curve is not None:
            words.append(f"has heavy tails: {self.curve.told}")
        return f"{self.name!r} {' and '.join(words)}" if words else None

    def read(self, texts: Sequence[str]) -> np.ndarray:
        return self.style.read(texts)

    def values_of(self, found: TableColumn) -> np.ndarray:
        return found.values

    def missing(self, values: np.ndarray) -> np.ndarray:
        return np.isnan(values)

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        missing = self.missing(values)
        if self.origin:
            features[:, 0] = np.where(missing, self.fill, values) - self.origin
        else:
            features[:, 0] = np.where(missing, np.float32(self.fill), values)
        if self.curve is not None:
            features[:, 0] = self.curve(features[:, 0].astype(np.float64))
        if self.marks_missing:
            features[:, -1] = missing

    def shown(self, features: np.ndarray) -> np.ndarray:
        values = features[:, 0].astype(np.float64)
        if self.curve is not None:
            values = self.curve.inverse(values)
        values += self.origin
        if self.marks_missing:
            values[features[:, -1] == 1] = np.nan
        return values

    def to_json(self) -> dict[str, Any]:
        # As the first versions wrote it, which had numbers and categories.
        plain = {
            "name": self.name,
            "categories": None,
            "marks_missing": self.marks_missing,
            "fill": self.fill,
        }
        more: dict[str, Any] = {}
        if isinstance(self.style, NumberStyle):
            more["style"] = self.style.to_json()
        if self.origin:
            more["origin"] = self.origin
        if self.curve is not None:
            more["curve"] = self.curve.to_json()
        return {"kind": KIND, **plain, **more} if more else plain

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "NumberColumn":
        style = value.get("style")
        return cls(
            str(value["name"]),
            bool(value["marks_missing"]),
            float(value["fill"]),
            PLAIN if style is None else NumberStyle.from_json(style),
            float(value.get("origin", 0)),
            curves.from_json(value["curve"]) if "curve" in value else None,
        )


def fit(
    name: str, column: TableColumn, values: np.ndarray, heavy_tails: str
) -> NumberColumn:
    """Settles a column of numbers by its training rows, NaN where missing."""
    assert isinstance(column.reading, PlainNumbers | NumberStyle)
    missing = np.isnan(values)
    there = values[~missing].astype(np.float64)
    median = float(np.median(there))
    # A column may be wide by its file's first rows alone.
    least, greatest = there.min(), there.max()
    is_narrow = column.is_wide and (
        least == greatest or is_coarse(least, greatest) or is_merged(there)
    )
    origin = median if is_narrow else 0.0
    taken = (there - origin).astype(np.float32).astype(np.float64)
    return NumberColumn(
        name,
        bool(missing.any()),
        median if is_narrow else float(np.float32(median)),
        column.reading,
        origin,
        curves.fit(taken, heavy_tails),
    )
