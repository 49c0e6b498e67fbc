"""A column of dates and times: where each stands in year, week and day."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.tables.calendar_arithmetic import CYCLES
from trainer.tables.calendar_arithmetic import cycles_of
from trainer.tables.calendar_arithmetic import SECOND_US
from trainer.tables.column import Column
from trainer.tables.table_column import TableColumn
from trainer.tables.time_form import FORMS
from trainer.tables.time_form import NO_TIME
from trainer.tables.time_form import TimeForm

KIND = "time"
SINCE = "seconds"
# Features that a column may have, in their order.
WAVES = ("sine", "cosine")
FEATURES = (
    "year",
    *(f"{cycle} {wave}" for cycle in CYCLES for wave in WAVES),
    SINCE,
)


@functools.cache
def wave(feature: str) -> np.ndarray:
    """Returns a cycle's sine or cosine, float32 [steps of the cycle].

    A table, so that a run and its export say the same to the bit.
    """
    cycle, name = feature.rsplit(" ", 1)
    turns = np.arange(CYCLES[cycle]) / CYCLES[cycle]
    function = np.sin if name == "sine" else np.cos
    return function(2 * np.pi * turns).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class TimeColumn(Column):
    """Times, in microseconds since 1970, UTC.

    Attributes:
      name, marks_missing: of each column.
      form: that they are written in.
      kept: which of FEATURES; constant ones are left out.
      first: the earliest of the training rows, from which seconds count.
      fill: stands for a missing time.
    """

    name: str
    marks_missing: bool
    form: TimeForm
    kept: tuple[str, ...]
    first: int
    fill: int

    @property
    def reading(self) -> TimeForm:
        return self.form

    @property
    def values_features(self) -> tuple[str, ...]:
        return tuple(f"{self.name} {feature}" for feature in self.kept)

    @property
    def told(self) -> str | None:
        cyclic = {f.rsplit(" ", 1)[0] for f in self.kept if f[-4:] == "sine"}
        words = [c for c in ("year",) if c in self.kept]
        words += [f"{c} (sine, cosine)" for c in CYCLES if c in cyclic]
        words.append("seconds since the first")
        return f"{self.name!r} is read as {self.form.told}: " + ", ".join(words)

    def read(self, texts: Sequence[str]) -> np.ndarray:
        return self.form.read(texts)

    def values_of(self, found: TableColumn) -> np.ndarray:
        return found.values

    def missing(self, values: np.ndarray) -> np.ndarray:
        return values == NO_TIME

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        missing = self.missing(values)
        instants = np.where(missing, self.fill, values)
        found = features_of(instants, self.first)
        for index, name in enumerate(self.kept):
            features[:, index] = found[name]
        if self.marks_missing:
            features[:, -1] = missing

    def shown(self, features: np.ndarray) -> np.ndarray:
        since_us = features[:, self.kept.index(SINCE)] * float(SECOND_US)
        times = (self.first + since_us).astype("datetime64[us]")
        if self.marks_missing:
            times[features[:, -1] == 1] = np.datetime64("NaT")
        return times

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "name": self.name,
            "marks_missing": self.marks_missing,
            "form": self.form.name,
            "kept": list(self.kept),
            "first": self.first,
            "fill": self.fill,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TimeColumn":
        kept = tuple(map(str, value["kept"]))
        if value["form"] not in FORMS or not set(kept) <= set(FEATURES):
            raise ValueError(f"form {value['form']!r} of {kept}")
        return cls(
            str(value["name"]),
            bool(value["marks_missing"]),
            TimeForm(value["form"]),
            kept,
            int(value["first"]),
            int(value["fill"]),
        )


def features_of(instants: np.ndarray, first: int) -> dict[str, np.ndarray]:
    """Returns each of FEATURES of times, [rows]."""
    cycles = cycles_of(instants)
    found = {
        name: wave(name)[cycles[name.rsplit(" ", 1)[0]]]
        for name in FEATURES[1:-1]
    }
    seconds = (instants - first).astype(np.float64) / SECOND_US
    return {"year": cycles["year"], **found, SINCE: seconds}


def fit(name: str, column: TableColumn, values: np.ndarray) -> TimeColumn:
    """Settles a column of times by its training rows, NO_TIME where missing."""
    missing = values == NO_TIME
    there = np.sort(values[~missing])
    first, fill = int(there[0]), int(there[len(there) // 2])
    found = features_of(there, first)
    kept = tuple(
        feature
        for feature in FEATURES
        if feature == SINCE or (found[feature] != found[feature][0]).any()
    )
    assert isinstance(column.reading, TimeForm)
    return TimeColumn(
        name, bool(missing.any()), column.reading, kept, first, fill
    )
