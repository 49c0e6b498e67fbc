"""A column of numbers: a feature, missing ones filled with the median."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.sources.column import Column
from trainer.sources.number_style import NumberStyle
from trainer.sources.readings import PLAIN
from trainer.sources.readings import PlainNumbers
from trainer.sources.table_column import TableColumn

KIND = "number"


@dataclasses.dataclass(frozen=True)
class NumberColumn(Column):
    """Numbers.

    Attributes:
      name, marks_missing: of each column.
      fill: stands for a missing number; float32's value.
      style: how the numbers are written.
    """

    name: str
    marks_missing: bool
    fill: float = 0.0
    style: PlainNumbers | NumberStyle = PLAIN

    @property
    def reading(self) -> PlainNumbers | NumberStyle:
        return self.style

    @property
    def values_features(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def told(self) -> str | None:
        if isinstance(self.style, NumberStyle):
            return f"{self.name!r} is read as {self.style.told}"
        return None

    def read(self, texts: Sequence[str]) -> np.ndarray:
        return self.style.read(texts)

    def values_of(self, found: TableColumn) -> np.ndarray:
        return found.values

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        missing = np.isnan(values)
        features[:, 0] = np.where(missing, np.float32(self.fill), values)
        if self.marks_missing:
            features[:, -1] = missing

    def to_json(self) -> dict[str, Any]:
        # As the first versions wrote it, which had numbers and categories.
        plain = {
            "name": self.name,
            "categories": None,
            "marks_missing": self.marks_missing,
            "fill": self.fill,
        }
        if isinstance(self.style, NumberStyle):
            return {"kind": KIND, **plain, "style": self.style.to_json()}
        return plain

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "NumberColumn":
        style = value.get("style")
        return cls(
            str(value["name"]),
            bool(value["marks_missing"]),
            float(value["fill"]),
            PLAIN if style is None else NumberStyle.from_json(style),
        )


def fit(name: str, column: TableColumn, values: np.ndarray) -> NumberColumn:
    """Settles a column of numbers by its training rows, NaN where missing."""
    missing = np.isnan(values)
    fill = np.float32(np.median(values[~missing].astype(np.float64)))
    assert isinstance(column.reading, PlainNumbers | NumberStyle)
    return NumberColumn(name, bool(missing.any()), float(fill), column.reading)
