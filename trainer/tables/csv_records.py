"""Text files parted into records by the standard library's reader.

What it lets pass that is no text, or no table, is refused here.
"""

import contextlib
import csv
import itertools
import re
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from trainer.process.exits import UserError
from trainer.tables import header
from trainer.tables import text_file

DELIMITERS = (",", ";", "\t", "|")
# Columns that are parted by as many spaces as it takes to align them.
BLANKS = " "
# A spreadsheet may end a line in a delimiter for each of its 16,384 columns.
_MOST_CELLS = 4 * header.MAX_COLUMNS


class Form(NamedTuple):
    """How a text file's lines are parted.

    Attributes:
      delimiter: one of DELIMITERS, BLANKS, or what a line `sep=` names.
      skipped_lines: how many stand above the header.
      is_loose: whether blanks stand between a quote and a delimiter.
      quote: what cells are quoted by.
    """

    delimiter: str
    skipped_lines: int = 0
    is_loose: bool = False
    quote: str = '"'


def records_of(
    path: Path, form: Form, stop: int | None = None
) -> Generator[tuple[int, list[str]]]:
    """Yields (line, cells) of the records above the stop-th line, or of all."""
    # A cell may fill the longest line; a program may have allowed more.
    limit = max(text_file.MAX_LINE_CHARACTERS, csv.field_size_limit())
    csv.field_size_limit(limit)
    skipped, is_blanks = form.skipped_lines, form.delimiter == BLANKS
    with contextlib.closing(text_file.lines(path)) as every:
        lines: Iterator[str] = itertools.islice(every, skipped, stop)
        if is_blanks or form.is_loose:
            lines = map(_squeezed if is_blanks else _closed_up, lines)
        reader = csv.reader(
            lines,
            delimiter="\t" if is_blanks else form.delimiter,
            quotechar=form.quote,
            skipinitialspace=True,
            strict=True,
        )
        try:
            for cells in reader:
                line = skipped + reader.line_num
                if len(cells) > _MOST_CELLS:
                    raise UserError(
                        f"{path}: line {line} has {len(cells):,} cells; a table"
                        f" has {header.MAX_COLUMNS:,} columns at most; save it"
                        " as .npy files"
                    )
                yield line, cells
        except csv.Error as error:
            remedy = "close each quote, and write a quote within quotes twice"
            if "field limit" in str(error):
                remedy = "close the cell's quote, or shorten the cell"
            raise UserError(
                f"{path}: line {skipped + reader.line_num} cannot be read"
                f" ({error}); {remedy}"
            ) from None


def _closed_up(line: str) -> str:
    """Takes blanks out between a quote that closes a cell and its end."""
    return re.sub(r"([\"']) +(?=[,;|\t]|\s*$)", r"\1", line)


def _squeezed(line: str) -> str:
    """Puts a tab wherever spaces stand, but within quotes."""
    parts = line.strip().split('"')
    parts[::2] = [re.sub(r"\s+", "\t", part) for part in parts[::2]]
    return '"'.join(parts) + "\n"
