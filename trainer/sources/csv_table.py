"""A CSV file's columns as arrays: numbers, or texts by number.

A column is numbers if each of its cells is one, or missing; else it is text.
The file's first block tells which it seems to be; the file is read again where
a column that began with numbers turns out to be text.
"""

import array
import dataclasses
import itertools
import re
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trainer.process.exits import UserError
from trainer.sources import cells
from trainer.sources.table_file import TableFile

# A column of more texts, or longer ones, holds names or prose: no categories.
MAX_CATEGORIES = 1000
MAX_CATEGORY_CHARACTERS = 256
# So many numbers among a column's texts are no categories either.
MAX_NUMBERS_IN_TEXT = 20
DATE = re.compile(r"(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{4})\b.*")
DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)+")
DTYPES = {"f": np.float32, "d": np.float64, "i": np.int32}


@dataclasses.dataclass(frozen=True)
class TableColumn:
    """A column as it stands in a file.

    Attributes:
      values: numbers [rows], float32 (float64 for the target), NaN where
        missing; or int32 [rows] indices of `categories`, -1 where missing.
      categories: a text column's texts, sorted; None for numbers.
      is_whole: all numbers are written as whole ones; of the target alone.
      problem: what forbids to train on it, or None.
    """

    values: np.ndarray
    categories: tuple[str, ...] | None = None
    is_whole: bool = False
    problem: str | None = None

    @property
    def missing(self) -> np.ndarray:
        """Where no value is, bool [rows]."""
        if self.categories is None:
            return np.isnan(self.values)
        return self.values < 0


@dataclasses.dataclass(frozen=True)
class Table:
    """A file's columns.

    Attributes:
      path: of the file.
      rows: how many.
      columns: those that were asked for, by name, in the file's order.
      notes: what was made of the file, a line each, for people.
      unlabelled: rows without a label, which were left out.
    """

    path: Path
    rows: int
    columns: Mapping[str, TableColumn]
    notes: tuple[str, ...] = ()
    unlabelled: int = 0

    def with_labels(self, target: str) -> "Table":
        """Returns the table without the rows that have no label.

        As it is where the labels are no labels, or no row has one.
        """
        missing = self.columns[target].missing
        count = int(missing.sum())
        if self.columns[target].problem or count in (0, self.rows):
            return self
        rows = "row has" if count == 1 else "rows have"
        note = f"{count:,} {rows} no label ({target!r}), left out"
        return dataclasses.replace(
            self,
            rows=self.rows - count,
            columns={
                name: column
                if column.problem
                else dataclasses.replace(column, values=column.values[~missing])
                for name, column in self.columns.items()
            },
            notes=(*self.notes, note),
            unlabelled=count,
        )


def read(
    file: TableFile,
    names: Sequence[str],
    *,
    target: str,
    texts: Collection[str] | None = None,
) -> Table:
    """Reads columns of a file.

    Takes 4 bytes a cell, 8 for the target, and a block of the file's text.

    Args:
      file: whose header was read.
      names: of the columns to read.
      target: the one of them that is the label.
      texts: those that are text; None to tell from their cells.

    Raises:
      UserError: a row cannot be read, or there is none.
    """
    if texts is None:
        known = dict.fromkeys(file.texts, "")
        known |= _turned(_read(file, names, target, known, most_blocks=1)[1])
    else:
        known = dict.fromkeys(texts, "")
    while True:
        rows, columns = _read(file, names, target, known)
        turned = _turned(columns)
        if texts is not None or not turned:
            break
        known |= turned
        del columns
    if not rows:
        raise UserError(
            f"{file.path} has a header and no rows; it must have 1 or more"
        )
    found = {name: column.finish() for name, column in columns.items()}
    for name in file.unfit.keys() & found.keys():
        found[name] = dataclasses.replace(found[name], problem=file.unfit[name])
    return Table(file.path, rows, found, file.notes).with_labels(target)


def _read(
    file: TableFile,
    names: Sequence[str],
    target: str,
    texts: Mapping[str, str],
    most_blocks: int | None = None,
) -> tuple[int, dict[str, "_Numbers | _Texts"]]:
    columns: dict[str, _Numbers | _Texts] = {
        name: _Texts(name == target, texts[name])
        if name in texts
        else _Numbers(name == target)
        for name in names
    }
    rows = 0
    for block in itertools.islice(file.blocks(), most_blocks):
        rows += len(block.lines)
        for name, column in columns.items():
            column.add(block.columns[name], block.lines)
    return rows, columns


def _turned(columns: Mapping[str, "_Numbers | _Texts"]) -> dict[str, str]:
    """Returns by column the first text of those that are not numbers."""
    return {n: c.text for n, c in columns.items() if c.text is not None}


class _Numbers:
    """Gathers a column of numbers, until it turns out to be text."""

    def __init__(self, is_target: bool) -> None:
        self.text: str | None = None
        self._problem: str | None = None
        self._is_target = is_target
        self._is_whole = is_target
        self._values = array.array("d" if is_target else "f")

    def add(self, texts: tuple[str, ...], lines: list[int]) -> None:
        if self.text is not None:
            return
        try:
            values = cells.numbers(texts)
        except ValueError:
            at = cells.first_text(texts)
            self.text = f"{_short(texts[at])} in line {lines[at]}"
            del self._values[:]
            return
        except cells.BadCellError as error:
            shown = _short(texts[error.index])
            self._note(f"has {shown} in line {lines[error.index]}, {error}")
            values = np.full(len(texts), np.nan)
        if self._is_target:
            self._is_whole = self._is_whole and cells.are_whole(texts)
        dtype = DTYPES[self._values.typecode]
        self._values.frombytes(values.astype(dtype).tobytes())

    def _note(self, problem: str) -> None:
        self._problem = self._problem or problem

    def finish(self) -> TableColumn:
        if self.text is not None:
            return TableColumn(
                np.empty(0, np.float32),
                problem=f"has {self.text}, where training rows have numbers",
            )
        values = np.frombuffer(self._values, DTYPES[self._values.typecode])
        return TableColumn(
            values, is_whole=self._is_whole, problem=self._problem
        )


class _Texts:
    """Gathers a column of texts, each distinct one by a number."""

    text = None

    def __init__(self, is_target: bool, turned: str) -> None:
        self._is_target = is_target
        self._turned = turned
        self._numbers: dict[str, int] = {}
        self._values = array.array("i")
        self._problem: str | None = None

    def add(self, texts: tuple[str, ...], lines: list[int]) -> None:
        if self._problem:
            return
        known = self._numbers
        found = [known.setdefault(text, len(known)) for text in texts]
        self._values.extend(found)
        if len(known) > MAX_CATEGORIES:
            shown = ", ".join(_short(text) for text in list(known)[:3])
            self._problem = (
                f"has more than {MAX_CATEGORIES} different texts ({shown} ...)"
                + (f", the first {self._turned}" if self._turned else "")
            )
            del self._values[:]

    def finish(self) -> TableColumn:
        is_missing = (
            cells.is_missing_label if self._is_target else cells.is_missing
        )
        categories = sorted(
            {text.strip() for text in self._numbers if not is_missing(text)}
        )
        place = {text: index for index, text in enumerate(categories)}
        lookup = np.array(
            [place.get(text.strip(), -1) for text in self._numbers], np.int32
        )
        values = np.frombuffer(self._values, np.int32)
        return TableColumn(
            lookup[values] if len(values) else values,
            tuple(categories),
            problem=self._problem or _problem_of(categories, self._turned),
        )


def _problem_of(categories: list[str], turned: str) -> str | None:
    """Says what texts that are no categories are."""
    longest = max(categories, key=len, default="")
    if len(longest) > MAX_CATEGORY_CHARACTERS:
        return f"holds texts of up to {len(longest)} characters, no categories"
    if categories and all(map(DATE.fullmatch, categories)):
        return f"holds dates ({_short(categories[0])}), no numbers"
    numbers = [t for t in categories if cells.is_number(t)]
    others = [t for t in categories if not cells.is_number(t)]
    if others and all(map(DECIMAL_COMMA.fullmatch, others)):
        return f"writes numbers with a comma ({_short(others[0])}), not a point"
    if len(numbers) > max(MAX_NUMBERS_IN_TEXT, len(others)):
        return f"has numbers, and {turned or _short(others[0])}"
    return None


def _short(text: str) -> str:
    """Quotes a cell for a message of one line."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
