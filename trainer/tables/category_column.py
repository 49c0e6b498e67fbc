"""A column of texts: a feature for each that training rows have."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.tables import cells
from trainer.tables.cell_text import TypedBool
from trainer.tables.cell_text import TypedDuration
from trainer.tables.column import Column
from trainer.tables.readings import EARLIER_TEXTS
from trainer.tables.readings import PLAIN_TEXTS
from trainer.tables.readings import Texts
from trainer.tables.table_column import TableColumn

KIND = "category"
# Indices of no category.
MISSING = -1
UNKNOWN = -2
# A text in fewer training rows is rare, where a column has too many.
RARE_ROWS = 10
# The most features of a column whose texts are grouped.
MOST_FREQUENT = 1000
# Of few texts each is a category, however rare.
FEW_TEXTS = 20

# Categories that a message names.
_MOST_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class CategoryColumn(Column):
    """Texts, each a category.

    Attributes:
      name, marks_missing: of each column.
      categories: texts of the training rows, sorted.
      groups_rare: whether all other texts share a feature.
      rare_rows: texts in fewer training rows are rare, where they are grouped.
      reads_alike: whether texts that look alike are one, as 1.0 and 1 and as
        TRUE and true are, and all words for no value are known; not so in runs
        of earlier versions.
    """

    name: str
    marks_missing: bool
    categories: tuple[str, ...]
    groups_rare: bool = False
    rare_rows: int = RARE_ROWS
    reads_alike: bool = False

    @property
    def looks(self) -> tuple[str, ...]:
        """The categories as cells are compared with them.

        An earlier version knew fewer marks of no width.
        """
        if not self.reads_alike:
            return self.categories
        return tuple(map(cells.plain, self.categories))

    @property
    def reading(self) -> Texts:
        # It tells texts from each other itself.
        return PLAIN_TEXTS if self.reads_alike else EARLIER_TEXTS

    @property
    def values_features(self) -> tuple[str, ...]:
        names = tuple(f"{self.name}={text}" for text in self.categories)
        return names + (f"{self.name} rare",) * self.groups_rare

    @property
    def told(self) -> str | None:
        if not self.groups_rare:
            return None
        count = len(self.categories)
        return (
            f"{self.name!r} has a feature for each of the {count} texts that"
            f" are in {self.rare_rows} training rows or more, and one for all"
            " others"
        )

    def read(self, texts: Sequence[str]) -> np.ndarray:
        different = list(dict.fromkeys(texts))
        try:
            indices = self._indices(different)
        except cells.BadCellError as error:
            first = texts.index(different[error.index])
            raise cells.BadCellError(first, error.rule) from None
        found = dict(zip(different, indices, strict=True))
        return np.array([found[text] for text in texts], np.int32)

    def values_of(self, found: TableColumn) -> np.ndarray:
        if not found.categories:
            return found.values
        # The last is that of index -1.
        lookup = [*self._indices(found.categories), MISSING]
        return np.array(lookup, np.int32)[found.values]

    def _indices(self, texts: Sequence[str]) -> list[int]:
        """Returns texts' categories by number, MISSING or UNKNOWN.

        Raises:
          BadCellError: a truth or duration came typed, and is written by other
            words, such as yes and no, among which it would be a text that is
            new.
        """
        place = {text: index for index, text in enumerate(self.looks)}
        missing, is_alike = self.reading.missing, self.reads_alike
        truths, takes_others = cells.truths(self.categories), self.groups_rare
        found = []
        for at, cell in enumerate(texts):
            text = cells.plain(cell) if is_alike else cell.strip()
            if text.casefold() in missing:
                found.append(MISSING)
                continue
            if is_alike and text not in place:
                found_as = (s for s in cells.spellings(cell) if s in place)
                text = next(found_as, text)
            index = place.get(text, UNKNOWN)
            is_typed = isinstance(cell, TypedBool)
            if index == UNKNOWN and (is_alike or is_typed):
                index = truths.get(text.lower(), UNKNOWN)
            # Durations may be texts as pandas writes them, 0 days 00:10:00.
            is_odd = is_typed and not (truths or takes_others)
            is_odd |= isinstance(cell, TypedDuration)
            if index == UNKNOWN and is_odd:
                raise cells.BadCellError(at, self._rule)
            found.append(index)
        return found

    @property
    def _rule(self) -> str:
        """What is said of a truth that has no place among the texts."""
        shown = ", ".join(map(repr, self.categories[:_MOST_SHOWN]))
        more = ", ..." * (len(self.categories) > _MOST_SHOWN)
        return f"must be one of the training rows' texts: {shown}{more}"

    def missing(self, values: np.ndarray) -> np.ndarray:
        return values == MISSING

    def write(self, values: np.ndarray, features: np.ndarray) -> None:
        for index in range(len(self.categories)):
            features[:, index] = values == index
        if self.groups_rare:
            features[:, len(self.categories)] = values == UNKNOWN
        if self.marks_missing:
            features[:, -1] = self.missing(values)

    def shown(self, features: np.ndarray) -> np.ndarray:
        names = [*self.categories]
        names += ["(rare)"] * self.groups_rare
        names += ["(missing)"] * self.marks_missing
        # A text that no training row has is no feature's.
        place = np.where(features.any(axis=1), features.argmax(axis=1), -1)
        return np.array([*names, "(unknown)"])[place]

    def to_json(self) -> dict[str, Any]:
        # As the first versions wrote it, which had numbers and categories.
        plain = {
            "name": self.name,
            "categories": list(self.categories),
            "marks_missing": self.marks_missing,
            "fill": 0.0,
        }
        if self.reads_alike:
            plain["reads_alike"] = True
        if not self.groups_rare:
            return plain
        found = {"kind": KIND, **plain, "groups_rare": True}
        if self.rare_rows != RARE_ROWS:
            found["rare_rows"] = self.rare_rows
        return found

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "CategoryColumn":
        return cls(
            str(value["name"]),
            bool(value["marks_missing"]),
            tuple(map(str, value["categories"])),
            bool(value.get("groups_rare", False)),
            int(value.get("rare_rows", RARE_ROWS)),
            bool(value.get("reads_alike", False)),
        )


def fit(
    name: str, column: TableColumn, values: np.ndarray, rare_rows: int = 1
) -> CategoryColumn | str:
    """Settles a column of texts by its training rows, MISSING where missing.

    Args:
      name: of the column.
      column: as it was read.
      values: of its training rows.
      rare_rows: texts in fewer of them are grouped, however few texts there
        are; those of too many are grouped anyway.

    Returns:
      The column; or why it is left out.
    """
    assert column.categories is not None
    plain = [cells.usual(text) for text in column.categories]
    alike = sorted({t for t in plain if t.casefold() not in cells.MISSING})
    place = {text: index for index, text in enumerate(alike)}
    lookup = [*(place.get(text, MISSING) for text in plain), MISSING]
    values = np.array(lookup, np.int32)[values]
    there = values[values >= 0]
    found, counts = np.unique(there, return_counts=True)
    lone = int((counts == 1).sum())
    is_ids = len(found) > FEW_TEXTS and 2 * lone > len(there)
    if is_ids and not column.is_named_text:
        return (
            f"has a text that no other training row has in {lone:,} of"
            f" {len(there):,}: names, ids or prose"
        )
    least_rows = rare_rows
    if len(found) > MOST_FREQUENT:
        least_rows = max(rare_rows, RARE_ROWS)
    order = np.lexsort((found, -counts))[:MOST_FREQUENT]
    frequent = np.sort(found[order[counts[order] >= least_rows]])
    if not len(frequent):
        return f"has no text that {least_rows} training rows have"
    texts = tuple(alike[index] for index in frequent)
    groups_rare = len(frequent) < len(found)
    return CategoryColumn(
        name,
        bool((values < 0).any()),
        texts,
        groups_rare,
        least_rows if groups_rare else RARE_ROWS,
        reads_alike=True,
    )
