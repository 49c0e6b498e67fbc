"""Numbers in a CSV file, read block by block by NumPy's own parser."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from trainer.process.exits import UserError
from trainer.sources.csv_file import DELIMITERS

# A longer line is no row: it is not read further.
MAX_LINE_CHARACTERS = 2**24


def blocks(path: Path, columns: int, block_rows: int) -> Iterator[np.ndarray]:
    """Yields a table's rows, float64 [block_rows or fewer, columns].

    A first line without a single number is a header, and left out. Columns are
    parted by the first of comma, semicolon, tab and bar that the first line
    has.
    Empty lines are left out.

    Args:
      path: of the file, UTF-8.
      columns: how many there must be.
      block_rows: rows of a block.

    Raises:
      UserError: a line that is not as many numbers, after the blocks before.
    """
    try:
        # A byte that is no UTF-8 stays in its line, and is told of there.
        with open(
            path, encoding="utf-8-sig", errors="backslashreplace"
        ) as file:
            lines = _lines(path, file)
            first = next(lines, None)
            if first is None:
                return
            delimiter = next((d for d in DELIMITERS if d in first[1]), ",")
            if any(map(_is_number, first[1].split(delimiter))):
                lines = itertools.chain([first], lines)
            while block := list(itertools.islice(lines, block_rows)):
                yield _parse(path, block, delimiter, columns)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error}); put a whole copy in its place"
        ) from None


def _lines(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    """Yields (number, line) of a file's lines that are not empty."""
    number = 0
    while line := file.readline(MAX_LINE_CHARACTERS + 1):
        number += 1
        if len(line) > MAX_LINE_CHARACTERS:
            raise UserError(
                f"{path}: line {number} has more than {MAX_LINE_CHARACTERS}"
                " characters; a row is a line"
            )
        if line.strip():
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
        reason = str(error).split(" at row ")[0]
        raise UserError(
            f"{path}: line {block[0][0]} is no row ({ascii(reason)[1:121]});"
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
    return values
