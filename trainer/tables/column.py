"""What a column of a table is: how its cells become values, then features."""

import abc
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trainer.tables.readings import Reading
    from trainer.tables.table_column import TableColumn


class Column(abc.ABC):
    """A column of features; a kind is a subclass.

    Attributes:
      name: in the header.
      marks_missing: whether a last feature is 1 where the value is missing.
    """

    name: str
    marks_missing: bool

    @property
    @abc.abstractmethod
    def reading(self) -> "Reading":
        """How its cells are read."""

    @property
    @abc.abstractmethod
    def values_features(self) -> tuple[str, ...]:
        """Names of the features of its values."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of all its features."""
        missing = (f"{self.name} missing",) * self.marks_missing
        return self.values_features + missing

    @property
    def told(self) -> str | None:
        """What a reader should know of how it is read; None for nothing."""
        return None

    @abc.abstractmethod
    def read(self, texts: Sequence[str]) -> np.ndarray:
        """Returns values for `write` of cells [rows].

        Raises:
          ValueError, BadCellError: as trainer.tables.cells.numbers does.
        """

    @abc.abstractmethod
    def values_of(self, found: "TableColumn") -> np.ndarray:
        """Returns values for `write` of a column that was read from a file.

        Raises:
          BadCellError: naming one of its categories.
        """

    @abc.abstractmethod
    def missing(self, values: np.ndarray) -> np.ndarray:
        """Tells where values for `write` are of cells without one: bool."""

    @abc.abstractmethod
    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        """Writes the column's features.

        Args:
          values: [rows], as `read` returns.
          features: float32 [rows, features], written to.
        """

    @abc.abstractmethod
    def shown(self, features: np.ndarray) -> np.ndarray:
        """Undoes `write`, for people.

        Args:
          features: float32 [rows, features].

        Returns:
          [rows], float64 numbers, datetime64 or texts; NaN or no time where the
          value is missing.
        """

    @abc.abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Returns what the kind's `from_json` takes."""


def placed(columns: Iterable[Column]) -> Iterator[tuple[Column, slice]]:
    """Yields each column with the place of its features in a row."""
    start = 0
    for column in columns:
        stop = start + len(column.features)
        yield column, slice(start, stop)
        start = stop
