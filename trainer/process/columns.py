"""Text in columns, and numbers, as every command prints them."""

from collections.abc import Sequence
from typing import Any

from trainer.process.plain_text import plain


def lay_out(
    rows: Sequence[Sequence[str]], left: int = 1, *, spans: bool = False
) -> str:
    """Returns rows of cells as lines of columns, two spaces apart.

    Args:
      rows: one or more, of as many cells each.
      left: how many columns are flush left, the others flush right.
      spans: whether a cell with none after it spans the rest of its line, and
        makes no column wider.
    """
    rows = [[plain(cell) for cell in row] for row in rows]
    spanning = [_last_of(row) if spans else None for row in rows]
    widths = [
        max(
            0 if place == span else len(row[place])
            for row, span in zip(rows, spanning, strict=True)
        )
        for place in range(len(rows[0]))
    ]
    lines = []
    for row, span in zip(rows, spanning, strict=True):
        cells = [
            cell.ljust(width)
            if place < left or place == span
            else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _last_of(row: Sequence[str]) -> int | None:
    """Returns the place of a row's last words, where others follow it."""
    last = max(place for place, cell in enumerate(row) if cell)
    return last if last < len(row) - 1 else None


def number(value: float) -> str:
    """Four decimals; four digits of what is small, six of what is large."""
    size = abs(value)
    if 0 < size < 0.01:
        return f"{value:.4g}"
    return f"{value:.4f}" if size < 1e3 else _written(value, 6)


def signed(value: float) -> str:
    """A difference: a number with its sign."""
    return f"{'-' if value < 0 else '+'}{number(abs(value))}"


def rounded(value: float) -> str:
    """Four digits as people write them: 574,000, and no 5.74e+05."""
    return _written(value, 4)


def _written(value: float, digits: int) -> str:
    """So many digits, with commas between thousands."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def some(names: Sequence[str], most: int) -> str:
    """The first of many names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def between(interval: Sequence[float] | None, *, nothing: str = "–") -> str:
    """An interval's two ends, or what stands for none."""
    if interval is None:
        return nothing
    return f"{number(interval[0])} to {number(interval[1])}"


def shown(value: Any) -> str:
    """A cell's value: numbers as above, whole ones with commas, else words."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if type(value) is int else str(value)
