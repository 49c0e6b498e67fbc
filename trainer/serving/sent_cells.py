"""A table's cells as a client of an export sends them: texts alone."""

from collections.abc import Mapping
from collections.abc import Sequence

from trainer.tables import cells as cells_lib
from trainer.tables.cell_text import TypedDate
from trainer.tables.column import Column
from trainer.tables.encoding import Encoding


def as_sent(
    encoding: Encoding, columns: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Returns rows as plain texts, of which a run and its export make the same.

    A cell that came typed is read whatever its column's style; its text is
    none of that style perhaps, so that nobody sends it. Such rows are left out.

    Args:
      encoding: of the run.
      columns: cells [rows] by the column's name, as a table's file gives them.

    Returns:
      Texts [rows that are left] by the column's name.
    """
    texts = {name: [*map(_plain, found)] for name, found in columns.items()}
    left_out: set[int] = set()
    for column in encoding.all_columns:
        found = columns[column.name]
        typed = [i for i, cell in enumerate(found) if type(cell) is not str]
        own = texts[column.name]
        if not _reads(column, [own[i] for i in typed]):
            left_out |= {i for i in typed if not _reads(column, [own[i]])}
    return {
        name: [text for i, text in enumerate(own) if i not in left_out]
        for name, own in texts.items()
    }


def _plain(cell: str) -> str:
    """Returns a cell's text, which says no more that it came typed."""
    # A date among texts is the category that it was for the trainer.
    return cells_lib.usual(cell) if isinstance(cell, TypedDate) else str(cell)


def _reads(column: Column, texts: list[str]) -> bool:
    try:
        column.read(texts)
    except (ValueError, cells_lib.BadCellError):
        return False
    return True
