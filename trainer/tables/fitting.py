"""An encoding of a table, settled by its training rows."""

from collections.abc import Mapping

import numpy as np

from trainer.tables import category_column
from trainer.tables import number_column
from trainer.tables import time_column
from trainer.tables.column import Column
from trainer.tables.encoding import Encoding
from trainer.tables.number_style import NumberStyle
from trainer.tables.readings import PlainNumbers
from trainer.tables.table_column import TableColumn
from trainer.tables.time_form import TimeForm


def fit(
    columns: Mapping[str, TableColumn],
    *,
    target: str,
    rows: np.ndarray | None,
    heavy_tails: str = "none",
    rare_rows: int = 1,
) -> Encoding:
    """Settles how columns become features, from the training rows alone.

    Args:
      columns: of the file that holds the training rows.
      target: which of them is the label.
      rows: int64, the training rows; None for all.
      heavy_tails: of the config's section.
      rare_rows: of it, too.
    """
    fitted: list[Column] = []
    left_out: list[tuple[str, str]] = []
    for name, column in columns.items():
        if name == target:
            continue
        found = _fit(
            name,
            column,
            slice(None) if rows is None else rows,
            heavy_tails,
            rare_rows,
        )
        if isinstance(found, str):
            left_out.append((name, found))
        else:
            fitted.append(found)
    label = columns[target]
    style = label.reading
    return Encoding(
        tuple(fitted),
        target,
        label.categories is not None,
        style if isinstance(style, NumberStyle) else None,
        tuple(left_out),
        reads_alike=True,
        spells_alike=True,
    )


def _fit(
    name: str,
    column: TableColumn,
    rows: np.ndarray | slice,
    heavy_tails: str,
    rare_rows: int,
) -> Column | str:
    """Settles a column; returns why it is left out where it is."""
    if column.left_out:
        return column.left_out
    values = column.values[rows]
    if column.missing[rows].all():
        return "has no value in any training row"
    if isinstance(column.reading, TimeForm):
        return time_column.fit(name, column, values)
    if isinstance(column.reading, PlainNumbers | NumberStyle):
        return number_column.fit(name, column, values, heavy_tails)
    return category_column.fit(name, column, values, rare_rows)
