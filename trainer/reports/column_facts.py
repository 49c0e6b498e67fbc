"""What a table's columns or an array's values are, read block by block."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer.reports.sameness import blocks_of
from trainer.sources import precision
from trainer.sources import Split
from trainer.tables.table_column import TableColumn
from trainer.tables.time_form import TimeForm

# Texts of a column that are told, the most frequent first.
MOST_TEXTS = 20
# Of a column that is said to be ids: fewer rows would be so by chance.
LEAST_ROWS_OF_IDS = 10
# Ids that several rows share are groups: so many, at most this share of rows.
LEAST_GROUPS = 5
MOST_GROUPS_SHARE = 0.7
# "id", "patient_id", "customerID", "PassengerId", "row number", "index".
_ID_NAME = re.compile(
    r"(?i:^|[\W_])(?i:id|uuid|key|index|idx|no|nr|rownames?|row.?number)$"
    r"|(?:ID|Id)$|^(?i:subject|patient|customer|user|household|person)s?$",
)


def of_table(
    name: str, parts: list[TableColumn], problem: str | None
) -> dict[str, Any]:
    """Describes a column of a CSV file.

    Args:
      name: in the header.
      parts: the column in each split's file.
      problem: what forbids to train on it, or None.

    Returns:
      {"name", "kind": "number", "time" or "text", "missing": cells, "problem",
      "left_out": why training leaves it out by itself, or None}, and of numbers
      "least", "greatest", "mean", "is_row_number", "is_id" (a number of each
      row's own) and "is_shared_id" (of a group of rows), of times "least" and
      "greatest" in ISO 8601, UTC, of texts "texts": how many, and "counts":
      {text: cells} of the most frequent.
    """
    first = parts[0]
    texts = first.categories is not None
    is_time = isinstance(first.reading, TimeForm)
    missing = sum(int(part.missing.sum()) for part in parts)
    if first.left_out:  # its cells are not held
        missing = 0
    found: dict[str, Any] = {
        "name": name,
        "kind": "text" if texts else "time" if is_time else "number",
        "missing": missing,
        "problem": problem,
        "left_out": first.left_out,
    }
    if is_time:
        return found | _of_times(parts)
    return found | (_of_texts(parts) if texts else _of_numbers(name, parts))


def _of_times(parts: list[TableColumn]) -> dict[str, Any]:
    values = np.concatenate([p.values[~p.missing] for p in parts])
    ends: list[str | None] = [None, None]
    if len(values):
        times = np.array([values.min(), values.max()]).astype("M8[us]")
        ends = [str(time) for time in times.astype("M8[s]")]
    return {
        "least": ends[0],
        "greatest": ends[1],
        "is_constant": len(values) > 0 and bool(values.min() == values.max()),
    }


def _of_texts(parts: list[TableColumn]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for part in parts:
        assert part.categories is not None
        there = part.values[part.values >= 0]
        cells = np.bincount(there, minlength=len(part.categories))
        for text, count in zip(part.categories, cells.tolist(), strict=True):
            counts[text] = counts.get(text, 0) + count
    most = sorted(counts, key=lambda text: (-counts[text], text))[:MOST_TEXTS]
    return {
        "texts": len(counts),
        "counts": {text: counts[text] for text in most},
        "is_constant": len(counts) == 1,
    }


def _of_numbers(name: str, parts: list[TableColumn]) -> dict[str, Any]:
    values = np.concatenate([part.values for part in parts])
    values = values[~np.isnan(values)].astype(np.float64)
    if not len(values):
        return {"least": None, "greatest": None, "mean": None} | dict.fromkeys(
            ("is_constant", "is_row_number", "is_id", "is_shared_id"), False
        )
    return {
        "least": float(values.min()),
        "greatest": float(values.max()),
        "mean": float(values.mean()),
        "is_constant": bool(values.min() == values.max()),
        "is_row_number": len(values) > 2 and bool((np.diff(values) == 1).all()),
        **_of_identifiers(name, values),
    }


def _of_identifiers(name: str, values: np.ndarray) -> dict[str, bool]:
    """Tells numbers that name a row, or several rows, from quantities.

    A row's own are whole numbers, each once, under a name as ids have, or all
    of those from 0 or 1 on, in any order.

    Args:
      name: of the column.
      values: float64 [rows], those that are there.
    """
    distinct, rows = len(np.unique(values)), len(values)
    whole = bool((values == np.floor(values)).all())
    is_named = _ID_NAME.search(name) is not None
    counts_rows = values.min() in (0, 1) and np.ptp(values) == rows - 1
    is_own = distinct == rows and rows >= LEAST_ROWS_OF_IDS
    return {
        "is_id": whole and is_own and bool(is_named or counts_rows),
        "is_shared_id": whole
        and is_named
        and LEAST_GROUPS <= distinct <= rows * MOST_GROUPS_SHARE,
    }


@dataclasses.dataclass
class _Moments:
    """Of each feature, over the rows so far."""

    least: np.ndarray
    greatest: np.ndarray
    sums: np.ndarray
    finite: np.ndarray
    blank_rows: int = 0

    def add(self, block: np.ndarray) -> None:
        flat = block.reshape(len(block), -1)
        finite = np.isfinite(flat)
        every = bool(finite.all())
        self.blank_rows += int((flat == flat[:, :1]).all(axis=1).sum())
        self.finite += len(flat) if every else finite.sum(axis=0)
        low = flat if every else np.where(finite, flat, np.inf)
        high = flat if every else np.where(finite, flat, -np.inf)
        kept = flat if every else np.where(finite, flat, 0)
        self.least = np.minimum(self.least, low.min(axis=0))
        self.greatest = np.maximum(self.greatest, high.max(axis=0))
        with np.errstate(over="ignore"):
            self.sums += kept.sum(axis=0, dtype=np.float64)


def of_arrays(splits: Mapping[str, Split]) -> tuple[_Moments, int]:
    """Describes the features of all splits' arrays, one by one.

    Returns:
      Their moments, each array [features], and how many rows there are.
    """
    arrays = {id(split.x): split.x for split in splits.values()}
    size = next(iter(splits.values())).x[0].size
    dtype = np.result_type(*(array.dtype for array in arrays.values()))
    is_whole = dtype.kind in "iu"
    # Float64 would round whole numbers of 64 bits to one another.
    moments = _Moments(
        np.full(size, np.iinfo(dtype).max if is_whole else np.inf, dtype),
        np.full(size, np.iinfo(dtype).min if is_whole else -np.inf, dtype),
        np.zeros(size),
        np.zeros(size, np.int64),
    )
    rows = 0
    for array in arrays.values():
        for block in blocks_of(array):
            moments.add(block)
            rows += len(block)
    return moments, rows


def _finite(value: np.floating, there: bool) -> float | None:
    """Returns a number that JSON can hold."""
    return float(value) if there and np.isfinite(value) else None


def of_features(
    moments: _Moments, rows: int, dtype: np.dtype
) -> list[dict[str, Any]]:
    """Describes each column of arrays that are a table, as `of_table` does.

    Args:
      moments: of `of_arrays`.
      rows: the same.
      dtype: of the arrays; "spread" is what is to be told of a column's.
    """
    found = []
    for index, finite in enumerate(moments.finite.tolist()):
        there = bool(finite)
        least, greatest = moments.least[index], moments.greatest[index]
        found.append(
            {
                "name": f"column {index}",
                "kind": "number",
                "missing": rows - finite,
                "problem": None,
                "least": _finite(least, there),
                "greatest": _finite(greatest, there),
                "mean": _finite(moments.sums[index] / max(finite, 1), there),
                "is_constant": bool(there and least == greatest),
                "is_row_number": False,
                "is_id": False,
                "is_shared_id": False,
                "spread": precision.spread_told(
                    f"column {index}", least.item(), greatest.item(), dtype
                ),
            }
        )
    return found


def of_images(moments: _Moments, rows: int) -> dict[str, Any]:
    """Describes the values of arrays that are images.

    Returns:
      {"least", "greatest", "mean", "missing": values that are not finite,
      "constant_pixels": places that are the same in all images,
      "blank_images": images of a single value}.
    """
    finite = int(moments.finite.sum())
    there = moments.finite > 0
    constant = there & (moments.least == moments.greatest)
    return {
        "least": _finite(moments.least.min(), bool(finite)),
        "greatest": _finite(moments.greatest.max(), bool(finite)),
        "mean": _finite(moments.sums.sum() / max(finite, 1), bool(finite)),
        "missing": rows * len(moments.finite) - finite,
        "constant_pixels": int(constant.sum()),
        "blank_images": moments.blank_rows,
    }
