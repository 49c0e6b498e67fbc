"""Numbers in a text file, read block by block by NumPy's own parser."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainer.process.exits import UserError
from trainer.tables import cells
from trainer.tables import text_file
from trainer.tables.csv_records import DELIMITERS
from trainer.tables.header import MAX_COLUMNS

# From so many columns on a first line of 0, 1, 2 ... is no row by chance.
LEAST_COUNTED = 4
# A longer line is no row: it is not read further.
MAX_LINE_CHARACTERS = 2**24


def blocks(path: Path, columns: int, block_rows: int) -> Iterator[np.ndarray]:
    """Yields a table's rows, float64 [block_rows or fewer, columns].

    A first line without a single number is a header, and left out, and so is
    pandas' own of columns without names, 0, 1, 2 and so on: of four columns or
    more, or where the row below is none of whole numbers. Columns are parted
    by the first of comma, semicolon, tab and bar that the first line has.
    Empty lines are left out; one above a row of one column is refused.

    Args:
      path: of the file, as `text_file.lines` takes it.
      columns: how many there must be.
      block_rows: rows of a block.

    Raises:
      UserError: a line that is not as many numbers, or has a whole one that
        64 bits would round, after the blocks before.
    """
    lines = _lines(path)
    if columns == 1:
        lines = _without_gaps(path, lines)
    first = next(lines, None)
    if first is None:
        return
    delimiter = _delimiter(first[1])
    lines = _narrow(path, itertools.chain([first], lines), delimiter, columns)
    first, *second = itertools.islice(lines, 2)
    lines = itertools.chain(second, lines)
    below = second[0][1].split(delimiter) if second else []
    if not _is_header(first[1].split(delimiter), below):
        lines = itertools.chain([first], lines)
    while block := list(itertools.islice(lines, block_rows)):
        yield _parse(path, block, delimiter, columns)


def has_row_names(path: Path, columns: int) -> bool:
    """Whether a file has a header that leaves its first column without a name.

    Args:
      path: of the file.
      columns: that the run takes.

    Raises:
      UserError: it cannot be read.
    """
    first = next(_lines(path), (1, ""))
    delimiter = _delimiter(first[1])
    _, line = next(_narrow(path, iter([first]), delimiter, columns))
    fields = line.split(delimiter)
    unnamed = len(fields) > 1 and fields[0].strip() in ("", '""')
    return unnamed and _is_header(fields[1:], [])


def _is_header(fields: list[str], below: list[str]) -> bool:
    """Whether a first line names columns, which may be called by numbers.

    Args:
      fields: of the line.
      below: those of the line below it.
    """
    bare = _bare(fields)
    first = 1 if bare[0] == "1" else 0
    if bare != [str(place) for place in range(first, first + len(bare))]:
        return not any(map(_is_number, fields))
    if first == 0 and len(bare) >= LEAST_COUNTED:
        return True
    # Whole numbers are written as those below them are.
    return len(bare) >= LEAST_COUNTED - 1 and not cells.are_whole(_bare(below))


def _bare(fields: list[str]) -> list[str]:
    return [field.strip().strip('"') for field in fields]


def _delimiter(line: str) -> str:
    return next((d for d in DELIMITERS if d in line), ",")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields (number, line) of a file's lines that are not empty."""
    lines = text_file.lines(path, MAX_LINE_CHARACTERS)
    return (pair for pair in enumerate(lines, 1) if pair[1].strip())


def _narrow(
    path: Path, lines: Iterator[tuple[int, str]], delimiter: str, columns: int
) -> Iterator[tuple[int, str]]:
    """Refuses a line of far more cells than a row's, before it is parted."""
    most = max(columns, MAX_COLUMNS)
    for number, line in lines:
        if (count := line.count(delimiter)) > most:
            raise UserError(
                f"{path}: line {number} has {count + 1:,} cells; each line must"
                f" be {columns} numbers, as in the run's data"
            )
        yield number, line


def _without_gaps(
    path: Path, lines: Iterator[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    """Refuses an empty line above another: a row whose number is missing."""
    after = 1
    for number, line in lines:
        if number > after > 1:
            raise UserError(
                f"{path}: line {after} is empty; each line must be 1 number,"
                " as in the run's data; fill it in, or take it out"
            )
        after = number + 1
        yield number, line


def _is_number(field: str) -> bool:
    try:
        float(field.strip().strip('"'))
    except ValueError:
        return False
    return True


def _parse(
    path: Path, block: list[tuple[int, str]], delimiter: str, columns: int
) -> np.ndarray:
    try:
        return _numbers([line for _, line in block], delimiter, columns)
    except ValueError as error:
        # Alone, so that the line can be named.
        for number, line in block if len(block) > 1 else ():
            _parse(path, [(number, line)], delimiter, columns)
        reason = ascii(str(error).split(" at row ")[0])[1:-1]
        raise UserError(
            f"{path}: line {block[0][0]} is no row ({reason[:120]});"
            f" each line must be {columns} numbers, as in the run's data"
        ) from None


def _numbers(lines: list[str], delimiter: str, columns: int) -> np.ndarray:
    values = np.loadtxt(
        lines,
        dtype=np.float64,
        delimiter=delimiter,
        comments=None,
        quotechar='"',
        ndmin=2,
    )
    if values.shape != (len(lines), columns):
        raise ValueError(f"it has {values.shape[1]} columns")
    for row in np.flatnonzero(
        (np.abs(values) >= cells.EXACT_WHOLE).any(axis=1)
    ):
        fields = _bare(lines[row].split(delimiter))
        for field, value in zip(fields, values[row].tolist(), strict=True):
            if cells.is_rounded(field, value):
                raise ValueError(f"float64 rounds {field}; save rows as .npy")
    return values
