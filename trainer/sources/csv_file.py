"""CSV files with a header, read block by block and held to their header.

The standard library's reader does the quoting. What it lets pass is refused
here: rows of another length, names twice, bytes that are no text.
"""

import contextlib
import csv
import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from typing import TextIO

from trainer.process.exits import UserError

DELIMITERS = (",", ";", "\t", "|")
# A longer line, or a header of more columns, is no table of a person's own.
MAX_LINE_CHARACTERS = 2**22
MAX_COLUMNS = 10_000
MAX_NAME_CHARACTERS = 256
# Cells of a block: enough to work on a column at a time, and soon freed.
BLOCK_CELLS = 2**14


class Block(NamedTuple):
    """Some rows of a file.

    Attributes:
      lines: the line of the file that each row ends in, from 1.
      columns: the rows' texts by the column's name, as long as `lines`.
    """

    lines: list[int]
    columns: dict[str, tuple[str, ...]]


@dataclasses.dataclass(frozen=True)
class CsvFile:
    """A file whose header was read.

    Attributes:
      path: of the file.
      delimiter: what parts its columns.
      names: of its columns.
    """

    path: Path
    delimiter: str
    names: tuple[str, ...]

    def blocks(self, block_rows: int | None = None) -> Iterator[Block]:
        """Yields the file's rows in order; lines without a cell are left out.

        Args:
          block_rows: rows of each block but the last; None for a number that
            keeps a block small.

        Raises:
          UserError: naming the line, after the blocks before it.
        """
        size = block_rows or max(BLOCK_CELLS // len(self.names), 1)
        records = _records(self.path, self.delimiter)
        next(records, None)
        rows = (record for record in records if record[1])
        while block := list(itertools.islice(rows, size)):
            for line, cells in block:
                if len(cells) != len(self.names):
                    raise UserError(
                        f"{self.path}: line {line} has {len(cells)} cells and"
                        f" the header has {len(self.names)}; each row must have"
                        " as many; put quotes around text that holds"
                        f" {self.delimiter!r}"
                    )
            columns = zip(*(cells for _, cells in block), strict=True)
            yield Block(
                [line for line, _ in block],
                dict(zip(self.names, columns, strict=True)),
            )


def open_csv(path: Path) -> CsvFile:
    """Reads a file's header: the columns' names, and what parts them.

    The delimiter is the one of comma, semicolon, tab and bar that makes the
    most columns of the header.

    Args:
      path: UTF-8 text, with or without a byte order mark.

    Raises:
      UserError: it is no such file, or its header does not name each column
        once.
    """
    if not path.is_file():
        found = "is no regular file" if path.exists() else "does not exist"
        raise UserError(f"{path} {found}; name a CSV file")
    best: tuple[str, list[str]] | None = None
    refusal = None
    for delimiter in DELIMITERS:
        try:
            _, cells = next(_records(path, delimiter), (0, []))
        except UserError as error:
            refusal = refusal or error
            continue
        if best is None or len(cells) > len(best[1]):
            best = delimiter, cells
    if best is None:
        assert refusal is not None
        raise refusal
    names = tuple(" ".join(cell.split()) for cell in best[1])
    _check_names(path, names)
    return CsvFile(path, best[0], names)


def _records(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yields (line, cells) of every record, the header first."""
    with _open(path) as file:
        reader = csv.reader(
            _lines(path, file),
            delimiter=delimiter,
            skipinitialspace=True,
            strict=True,
        )
        try:
            for cells in reader:
                yield reader.line_num, cells
        except csv.Error as error:
            raise UserError(
                f"{path}: line {reader.line_num} cannot be read ({error});"
                " close each quote, and write a quote within quotes twice"
            ) from None


@contextlib.contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """Opens a file as text; a byte that is none stays in its line."""
    try:
        with open(
            path, encoding="utf-8-sig", errors="surrogateescape", newline=""
        ) as file:
            yield file
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); put a whole copy in its"
            " place"
        ) from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            raise UserError(
                f"{path}: line {number} has {MAX_LINE_CHARACTERS} characters or"
                " more; write a row a line"
            )
        if "\0" in line or not (line.isascii() or _is_text(line)):
            raise UserError(
                f"{path}: line {number} is no UTF-8 text; save the file as"
                " UTF-8 (a spreadsheet calls it CSV UTF-8)"
            )
        yield line


def _is_text(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:  # a byte that surrogateescape let in
        return False
    return True


def _check_names(path: Path, names: tuple[str, ...]) -> None:
    if not any(names):
        raise UserError(
            f"{path} is empty or begins with an empty line; its first line must"
            " name the columns; write a header there"
        )
    if len(names) > MAX_COLUMNS:
        raise UserError(
            f"{path} has {len(names)} columns; the most is {MAX_COLUMNS}; save"
            " the table as .npy files"
        )
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
            raise UserError(
                f"{path}: column {number} of the header is named {name[:40]!r};"
                f" a name must have 1 to {MAX_NAME_CHARACTERS} characters that"
                " can be printed; name the column, or take it out"
            )
        if name in seen:
            raise UserError(
                f"{path}: columns {seen[name]} and {number} of the header are"
                f" both named {name!r}; each name must stand once; rename one"
            )
        seen[name] = number
    _check_words(path, names)


def _check_words(path: Path, names: tuple[str, ...]) -> None:
    """Refuses a first row of data that stands where the header should."""
    numbers = []
    for name in names:
        with contextlib.suppress(ValueError):
            numbers.append(float(name))
    rising = all(a < b for a, b in itertools.pairwise(numbers))
    if len(numbers) > 1 and not rising:
        raise UserError(
            f"{path}: line 1 holds {', '.join(names[:4])[:80]!r}, which is data"
            " and no header; write a first line that names the columns"
        )
