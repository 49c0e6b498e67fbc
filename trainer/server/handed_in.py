"""Rows in the body of a request, read as `strata predict` reads its own."""

import base64
import binascii
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from trainer.finished.trained_run import Layout
from trainer.process.exits import UserError
from trainer.server.refusals import RefusedError
from trainer.serving import handed_rows
from trainer.serving import rows
from trainer.serving.rows import Rows
from trainer.tables import arrow_file
from trainer.tables import text_file

# How TensorFlow Serving's JSON holds bytes, and what its signatures of
# `strata export` call their tensors.
B64 = "b64"
INPUTS = "inputs"
CELLS = "cells"
# Lists and objects of a body: each takes more memory than the text of a few
# numbers, and only bodies of nothing else have so many.
MOST_CONTAINERS = 2**20


def parsed(body: bytes) -> Any:
    """Returns the value of a body of JSON.

    Raises:
      UserError: it is none, or has too many lists and objects.
    """
    count = body.count(b"[") + body.count(b"{")
    if count > MOST_CONTAINERS:
        raise UserError(
            f"the body has {count:,} lists and objects; a request may have"
            f" {MOST_CONTAINERS:,}: ask by several"
        )
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        reason = str(error) or "it is nested too deeply"
        raise UserError(
            f"the body is no JSON ({reason}); NaN and Infinity are none"
            " either, and null stands for a cell without a value"
        ) from None


def has_text(value: Any) -> bool:
    """Whether lists of JSON hold a text, which no array of numbers does.

    NumPy would make room for the longest text in each place, and so for more
    than there is where one is long and many are short.
    """
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, str):
            return True
        if isinstance(part, list):
            try:
                # Of numbers alone, and far sooner than a look at each.
                sum(part)
            except (TypeError, OverflowError):
                left += part
    return False


def stored_rows(
    name: str, value: Any, layout: Layout, most_rows: int
) -> np.ndarray:
    """Returns rows as a run's data was stored, [rows, *shape].

    Args:
      name: of the value in the request, for messages.
      value: a list of rows, or an object of columns: JSON's own values, or an
        array. A row is a list, an object that has its columns' cells, or one
        that holds a tensor by its name.
      layout: what the run takes.
      most_rows: of a request.

    Raises:
      UserError: they are no such rows, or too many.
    """
    named = _without_names(value, layout)
    if isinstance(named, list):
        check_count(name, len(named), most_rows)
        if not named:
            raise UserError(f"{name} has no rows; it must have 1 or more")
        # A row of a table may be texts, but not a text.
        if (
            has_text(named)
            if layout.encoding is None
            else any(isinstance(row, str) for row in named)
        ):
            raise UserError(
                f"{name} has a text where a row or a number should be"
            )
    plain = _without_bytes(name, named, layout)
    if layout.encoding is None and isinstance(plain, Mapping):
        raise UserError(
            f"{name} is an object, and the run takes arrays; give a list of"
            " rows"
        )
    return _read(name, handed_rows.taken(name, plain, layout), most_rows)


def csv_rows(body: bytes, layout: Layout, most_rows: int) -> np.ndarray:
    """Returns the rows of a body of CSV, read as a file of it.

    Raises:
      UserError: it is no such table, or has too many rows.
      RefusedError: it is packed, and may hold more than any body; or it is of
        a format that packs its columns.
    """
    if text_file.is_packed(body):
        raise RefusedError(415, "the body is packed; send it as it is")
    if arrow_file.opener(body):
        raise RefusedError(
            415, "the body is Parquet, Feather or Arrow; send its rows as CSV"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "body.csv"
        path.write_bytes(body)
        try:
            table = rows.open_file(path, layout)
            return _read("the body", table, most_rows)
        except UserError as error:
            told = str(error).replace(f"--input={path}", "the body")
            raise UserError(told.replace(str(path), "the body")) from None


def check_count(name: str, count: int, most_rows: int) -> None:
    """Refuses too many rows.

    Raises:
      UserError: there are more than may be asked for.
    """
    if count > most_rows:
        raise UserError(
            f"{name} has {count:,} rows; a request may have {most_rows:,}: ask"
            " by several, or start the server with --max_request_rows"
        )


def _read(name: str, table: Rows, most_rows: int) -> np.ndarray:
    found, count = [], 0
    for block in table.blocks(most_rows):
        count += len(block)
        check_count(name, count, most_rows)
        found.append(block)
    return found[0] if len(found) == 1 else np.concatenate(found)


def _without_names(value: Any, layout: Layout) -> Any:
    """Returns rows whose tensor was named, as they are without its name."""
    tensor = INPUTS if layout.encoding is None else CELLS
    if layout.encoding is not None and any(
        column.name == tensor for column in layout.encoding.inputs
    ):
        return value
    if isinstance(value, Mapping) and value.keys() == {tensor}:
        return value[tensor]
    if isinstance(value, list) and value:
        is_named = [_is_object(row, tensor) for row in value]
        if all(is_named):
            return [row[tensor] for row in value]
    return value


def _is_object(value: Any, key: str) -> bool:
    return isinstance(value, dict) and value.keys() == {key}


def _without_bytes(name: str, value: Any, layout: Layout) -> Any:
    """Returns rows in which base64 was read: a row's bytes, or a cell's."""
    if not isinstance(value, list):
        if isinstance(value, dict) and layout.encoding is not None:
            return {key: _texts(name, cells) for key, cells in value.items()}
        return value
    if layout.encoding is None:
        if not any(_is_object(row, B64) for row in value):
            return value
        return [
            _row_of_bytes(name, row[B64], layout)
            if _is_object(row, B64)
            else row
            for row in value
        ]
    return [
        {key: _text(name, cell) for key, cell in row.items()}
        if isinstance(row, dict)
        else _texts(name, row)
        for row in value
    ]


def _texts(name: str, cells: Any) -> Any:
    if not isinstance(cells, list):
        return _text(name, cells)
    return [_text(name, cell) for cell in cells]


def _text(name: str, cell: Any) -> Any:
    if isinstance(cell, list):
        raise UserError(
            f"{name} has a list where a cell should be; give a text, a number"
            " or null"
        )
    if not isinstance(cell, dict):
        return cell
    if not _is_object(cell, B64):
        raise UserError(
            f"{name} has an object where a cell should be; give a text, a"
            f' number, null or {{"{B64}": TEXT}}'
        )
    try:
        return _decoded(name, cell[B64]).decode()
    except UnicodeDecodeError:
        raise UserError(f"{name} has a cell whose bytes are no UTF-8") from None


def _decoded(name: str, text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UserError(
            f"{name} has a {B64!r} that is no base64 ({error}); correct it"
        ) from None


def _row_of_bytes(name: str, text: Any, layout: Layout) -> np.ndarray:
    data = _decoded(name, text)
    wanted = layout.features * layout.dtype.itemsize
    if len(data) != wanted:
        raise UserError(
            f"{name} has a row of {len(data)} bytes; the run takes {wanted}:"
            f" {layout.features} values of {layout.dtype.name}"
        )
    array = np.frombuffer(data, layout.dtype.newbyteorder("<"))
    return array.reshape(layout.shape)
