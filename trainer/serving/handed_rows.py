"""Rows that a program hands over: an array, a data frame, or cells."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from trainer.finished.trained_run import Layout
from trainer.process.exits import UserError
from trainer.serving import rows
from trainer.serving.rows import Rows
from trainer.tables.encoding import Encoding
from trainer.tables.given import as_array
from trainer.tables.given import is_frame
from trainer.tables.given import of_frame


def taken(name: str, x: Any, layout: Layout) -> Rows:
    """Takes rows to predict from.

    Args:
      name: of them, for messages.
      x: a data frame or a dict of columns; a list of dicts, or of cells in the
        columns' order; one dict for one row; or an array, as `rows.of_array`
        takes it.
      layout: what the run takes.

    Raises:
      UserError: they lack a column, or are no such rows.
    """
    frame = x if is_frame(x) else _columns_of(name, x, layout.encoding)
    if frame is None:
        return rows.of_array(name, as_array(name, x), layout)
    if isinstance(frame, Mapping) and all(map(_is_cell, frame.values())):
        frame = {key: [cell] for key, cell in frame.items()}
    return rows.of_table(of_frame(name, frame), layout)


def _is_cell(value: Any) -> bool:
    return isinstance(value, str) or not hasattr(value, "__len__")


def _columns_of(
    name: str, x: Any, encoding: Encoding | None
) -> dict[str, list[Any]] | None:
    """Returns columns of rows that are dicts or cells; None where they are not.

    Rows of as many numbers as there are features are features.
    """
    if encoding is not None and isinstance(x, np.ndarray) and x.ndim == 2:
        x = x.tolist() if x.dtype.kind in "OU" else None
    if not isinstance(x, list | tuple) or not x:
        return None
    if all(isinstance(row, Mapping) for row in x):
        return _of_dicts(name, x)
    if encoding is None or not all(isinstance(r, list | tuple) for r in x):
        return None
    names = [column.name for column in encoding.inputs]
    has_text = any(isinstance(cell, str) for row in x for cell in row)
    widths = {len(row) for row in x}
    if widths == {len(names)}:
        columns = zip(*x, strict=True)
        return {n: list(c) for n, c in zip(names, columns, strict=True)}
    if has_text:
        raise UserError(
            f"{name} has rows of {', '.join(map(str, sorted(widths)))} cells;"
            f" the run takes {len(names)}: {', '.join(names)}"
        )
    return None


def _of_dicts(
    name: str, x: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    names = list(x[0])
    for index, row in enumerate(x):
        if set(row) != set(names):
            odd = sorted(map(str, set(row) ^ set(names)))[0]
            raise UserError(
                f"{name}: row {index} and row 0 do not both have {odd!r}; all"
                " must have the same columns; give None where there is no value"
            )
    return {key: [row[key] for row in x] for key in names}
