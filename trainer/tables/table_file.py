"""A file of rows under names, whatever its kind: what its readers share."""

import abc
import dataclasses
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainer.process.exits import UserError

# Cells of a block: enough to work on a column at a time, and soon freed.
BLOCK_CELLS = 2**14


@dataclasses.dataclass(frozen=True)
class Places:
    """Where some rows stand.

    Attributes:
      numbers: the line of the file that each ends in, from 1; of what has no
        lines its row.
      unit: what is numbered.
    """

    numbers: Sequence[int]
    unit: str = "line"

    def told(self, index: int) -> str:
        """Says where one of the rows stands."""
        return f"{self.unit} {self.numbers[index]}"


class Block(NamedTuple):
    """Some rows of a file.

    Attributes:
      places: of the rows.
      columns: the rows' texts by the column's name.
    """

    places: Places
    columns: dict[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class TableFile(abc.ABC):
    """A file whose columns' names were read.

    Attributes:
      path: of the file.
      names: of the columns that can be trained on.
      row_names: the columns of names that rows have; the own name of a lone
        one may be "".
      notes: what was made of the header, a line each, for people.
      texts: the columns that the file itself says are categories.
      unfit: why a column holds no cells that can be trained on, by its name.
      delimiter: what parts a text's columns; "" of what is no text.
      numbered: by the name that a column got, the one of another that it had.
    """

    path: Path
    names: tuple[str, ...]
    row_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    texts: frozenset[str] = frozenset()
    unfit: Mapping[str, str] = dataclasses.field(default_factory=dict)
    delimiter: str = ""
    numbered: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of a block: the rows' names first, where there are."""
        return (*self.row_names, *self.names)

    @property
    @abc.abstractmethod
    def how_parted(self) -> str:
        """Says what parts the columns, for messages."""

    @abc.abstractmethod
    def blocks(
        self,
        block_rows: int | None = None,
        names: Collection[str] | None = None,
    ) -> Iterator[Block]:
        """Yields the file's rows in order.

        Args:
          block_rows: rows of each block but the last; None for a number that
            keeps a block small.
          names: of the columns to read, of which those are read that there are;
            None for all but the unfit ones.

        Raises:
          UserError: naming the row, after the blocks before it; or naming a
            column that is asked for and is unfit.
        """

    def asked(self, names: Collection[str] | None) -> list[str]:
        """Returns the columns that `blocks` reads, in their order.

        Raises:
          UserError: one that is asked for by name is unfit.
        """
        if names is None:
            return [name for name in self.columns if name not in self.unfit]
        found = [name for name in self.columns if name in names]
        for name in found:
            if name in self.unfit:
                raise UserError(
                    f"{self.path}: column {name!r} {self.unfit[name]}; write"
                    " its cells as such"
                )
        return found
