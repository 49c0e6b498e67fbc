"""A column as it stands in a file: its values, and how its cells were read."""

import dataclasses

import numpy as np

from trainer.tables.readings import PLAIN
from trainer.tables.readings import Reading
from trainer.tables.time_form import NO_TIME
from trainer.tables.time_form import TimeForm


@dataclasses.dataclass(frozen=True)
class TableColumn:
    """A column as it stands in a file.

    Attributes:
      values: numbers [rows], float32 (float64 for the target, and where
        float32 is too coarse for their spread), NaN where missing; times,
        int64 microseconds, NO_TIME where missing; or int32 [rows] indices of
        `categories`, -1 where missing.
      categories: a text column's texts, sorted, truths that came typed as such;
        None for numbers and times.
      is_whole: all numbers are written as whole ones; of the target alone.
      problem: what forbids to train on it, or None.
      reading: how its cells were read.
      remedies: readings of config.data.read_as that take the problem away.
      left_out: why nothing is learnt from it, or None.
      thousands: a number such as "1.234" where points may part thousands, and
        no cell tells; "" for none.
      hundreds: a number such as "950" beside it; "" for none.
      month: a number such as "01.2024" where all are months of years; or "".
      is_named_text: whether config.data.read_as says that it is categories.
    """

    values: np.ndarray
    categories: tuple[str, ...] | None = None
    is_whole: bool = False
    problem: str | None = None
    reading: Reading = PLAIN
    remedies: tuple[str, ...] = ()
    left_out: str | None = None
    thousands: str = ""
    hundreds: str = ""
    month: str = ""
    is_named_text: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether the values are numbers of 64 bits."""
        return self.values.dtype == np.float64

    @property
    def missing(self) -> np.ndarray:
        """Where no value is, bool [rows]."""
        if isinstance(self.reading, TimeForm):
            return self.values == NO_TIME
        if self.categories is None:
            return np.isnan(self.values)
        return self.values < 0
