"""Parquet, Feather and Arrow files, by pyarrow: typed columns as cells.

Each value becomes the text that a CSV file would hold, so that all that is
known of cells holds of these files, too, and either kind can be predicted from
by a run on the other.
"""

import base64
import contextlib
import dataclasses
import json
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.process.columns import some
from trainer.process.exits import UserError
from trainer.process.extras import missing_package
from trainer.tables import header
from trainer.tables import signatures
from trainer.tables.cell_text import text_of
from trainer.tables.table_file import Block
from trainer.tables.table_file import BLOCK_CELLS
from trainer.tables.table_file import Places
from trainer.tables.table_file import TableFile

# What pandas calls an index that has no name.
_INDEX = re.compile(r"__index_level_\d+__")


@dataclasses.dataclass(frozen=True)
class ArrowFile(TableFile):
    """A file of typed columns whose schema was read.

    Attributes:
      batches: from the path and a number of rows to record batches of as many,
        whose columns are `columns`.
    """

    batches: Callable[[Path, int], Iterator[Any]] = lambda *_: iter(())

    @property
    def how_parted(self) -> str:
        return "by its schema"

    def blocks(
        self,
        block_rows: int | None = None,
        names: Collection[str] | None = None,
    ) -> Iterator[Block]:
        """Yields as `TableFile.blocks`."""
        places = {name: place for place, name in enumerate(self.columns)}
        asked = self.asked(names)
        size = block_rows or max(BLOCK_CELLS // len(places), 1)
        first = 1
        with told(self.path):
            for batch in self.batches(self.path, size):
                if not len(batch):
                    continue
                yield Block(
                    Places(range(first, first + len(batch)), "row"),
                    {
                        name: self._texts(batch, places[name], name)
                        for name in asked
                    },
                )
                first += len(batch)

    def _texts(self, batch: Any, place: int, name: str) -> tuple[str, ...]:
        """Returns a column's cells as a CSV file would hold them."""
        column = without_categories(batch.column(place))
        found = values(f"{self.path}: column {name!r}", whole_times(column))
        return tuple(map(text_of, found))


def open_parquet(path: Path) -> TableFile:
    """Reads the schema of a Parquet file.

    Raises:
      UserError: it cannot be read, or pyarrow is not installed.
    """
    with told(path):
        from pyarrow import parquet

        file = parquet.read_metadata(path)
        return _of_schema(
            path,
            file.schema.to_arrow_schema(),
            _parquet_batches,
            _stored_categories(file.metadata or {}),
        )


def open_arrow(path: Path) -> TableFile:
    """Reads the schema of a Feather file or an Arrow IPC file.

    Raises:
      UserError: it cannot be read, or pyarrow is not installed.
    """
    with told(path):
        import pyarrow as pa

        with pa.memory_map(str(path)) as held, pa.ipc.open_file(held) as file:
            return _of_schema(path, file.schema, _arrow_batches)


def open_first_feather(path: Path) -> TableFile:
    """Refuses the format that Feather had before it was Arrow's."""
    raise UserError(
        f"{path} is of Feather's first version; write it again by pyarrow, or"
        " save it as Parquet"
    )


# How each kind of file begins.
_OPENERS: dict[bytes, Callable[[Path], TableFile]] = {
    rb"PAR1" + signatures.NO_TEXT: open_parquet,
    rb"ARROW1" + signatures.NO_TEXT: open_arrow,
    rb"FEA1" + signatures.NO_TEXT: open_first_feather,
}


def opener(begin: bytes) -> Callable[[Path], TableFile] | None:
    """Returns what opens a file that begins so; None of another kind."""
    return signatures.find(begin, _OPENERS)


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Tells pyarrow's errors in one line.

    Args:
      path: of the file.

    Raises:
      UserError: it cannot be read, or pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise missing_package(str(path), "pyarrow", "arrow") from None
    try:
        yield
    except (OSError, UnicodeError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path} cannot be read ({reason}); put a whole copy in its place"
        ) from None


def values(where: str, column: Any) -> list[Any]:
    """Returns a column's values as Python's own.

    Args:
      where: it stands, for people.
      column: an array of pyarrow's.

    Raises:
      UserError: one is no text, or a time that Python cannot hold.
    """
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        fault = "bytes that are no UTF-8; write its texts as UTF-8"
    except OverflowError:
        fault = (
            "a time outside the years 1 to 9999, or a duration of more than"
            " 999999999 days; correct it, or leave it empty"
        )
    raise UserError(f"{where} holds {fault}")


def _parquet_batches(path: Path, rows: int) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=rows)


def _arrow_batches(path: Path, rows: int) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as held, pa.ipc.open_file(held) as file:
        for index in range(file.num_record_batches):
            batch = file.get_batch(index)
            _check_inside(batch)
            for start in range(0, len(batch), rows):
                yield batch.slice(start, rows)


def _check_inside(batch: Any) -> None:
    """Refuses offsets and indices that lead out of a batch's own bytes.

    pyarrow takes them as they stand in a file, and reads wherever they lead.

    Raises:
      ArrowInvalid: of pyarrow.
    """
    import pyarrow as pa

    for column in batch.columns:
        if _unfit(column.type) is None:
            # A text that is no UTF-8 is told with its column, once it is read.
            bare = column.view(_bare(column.type))
            bare.validate(full=not pa.types.is_primitive(bare.type))


def _bare(kind: Any) -> Any:
    """Returns the type of the same values, of whose texts nothing is asked."""
    import pyarrow as pa

    if _is_category(kind):
        return pa.dictionary(kind.index_type, _bare(kind.value_type))
    bare = {
        pa.string(): pa.binary(),
        pa.large_string(): pa.large_binary(),
        pa.string_view(): pa.binary_view(),
    }
    return bare.get(kind, kind)


def _of_schema(
    path: Path,
    schema: Any,
    batches: Callable[[Path, int], Iterator[Any]],
    categories: Collection[str] = (),
) -> ArrowFile:
    stored = list(schema.names)
    index = _index_of(schema)
    # As a CSV file has it: the index stands first, and may have no name.
    order = [*index, *(n for n in range(len(stored)) if n not in index)]
    given = [stored[place] for place in order]
    if index and _INDEX.fullmatch(given[0]):
        given[0] = ""
    settled = header.settle(path, given, None)
    columns = [name for name in settled.columns if name is not None]
    levels, notes = tuple(columns[: len(index)]), settled.notes
    row_names = levels or settled.row_names
    if named := [name for name in levels if name]:
        told = some([*map(repr, named)], 5)
        notes += (f"pandas' index names the rows, and is no feature: {told}",)
    types = {
        name: schema.types[place]
        for name, place in zip(columns, order, strict=True)
    }
    return ArrowFile(
        path,
        tuple(name for name in columns if name not in row_names),
        row_names,
        notes,
        frozenset(
            name
            for name, place in zip(columns, order, strict=True)
            if stored[place] in categories or _is_category(types[name])
        ),
        {n: problem for n, kind in types.items() if (problem := _unfit(kind))},
        batches=_in_order(batches, order),
        numbered=settled.numbered,
    )


def _in_order(
    batches: Callable[[Path, int], Iterator[Any]], order: list[int]
) -> Callable[[Path, int], Iterator[Any]]:
    """Makes the function whose batches have their columns in an order."""

    def ordered(path: Path, rows: int) -> Iterator[Any]:
        return (batch.select(order) for batch in batches(path, rows))

    return ordered


def _index_of(schema: Any) -> list[int]:
    """Returns the places of the index that pandas wrote, a level each.

    None where there is nothing else.
    """
    try:
        told = json.loads((schema.metadata or {})[b"pandas"])["index_columns"]
    except (KeyError, TypeError, ValueError):
        return []
    # One that only counts the rows is told by a dict, and is no column.
    names = [n for n in told if isinstance(n, str) and n in schema.names]
    found = [schema.names.index(name) for name in names]
    return found if len(found) < len(schema.names) else []


def _stored_categories(metadata: Mapping[bytes, bytes]) -> set[str]:
    """Returns columns of categories, of whose numbers Parquet has no type.

    Args:
      metadata: of a Parquet file, in which pandas and Arrow tell them.
    """
    import pyarrow as pa

    found: set[str] = set()
    with contextlib.suppress(KeyError, TypeError, ValueError):
        for column in json.loads(metadata[b"pandas"])["columns"]:
            if column["pandas_type"] == "categorical":
                found.add(str(column["field_name"]))
    with contextlib.suppress(KeyError, ValueError, OSError):
        told = pa.py_buffer(base64.b64decode(metadata[b"ARROW:schema"]))
        schema = pa.ipc.read_schema(told)
        found |= {field.name for field in schema if _is_category(field.type)}
    return found


def without_categories(column: Any) -> Any:
    """Returns a column whose values stand themselves in its rows."""
    is_coded = _is_category(column.type)
    return column.dictionary_decode() if is_coded else column


def _is_category(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_dictionary(kind)


def is_text(kind: Any) -> bool:
    """Whether a type is one of texts."""
    import pyarrow as pa

    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _unfit(kind: Any) -> str | None:
    """Says what forbids to train on a column of a type, or None."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return _unfit(kind.value_type)
    fits = (
        types.is_null,
        types.is_boolean,
        types.is_integer,
        types.is_floating,
        types.is_decimal,
        is_text,
        types.is_date,
        types.is_time,
        types.is_timestamp,
        types.is_duration,
    )
    if any(is_such(kind) for is_such in fits):
        return None
    return f"holds {kind}, which is no number, text or time"


def whole_times(column: Any) -> Any:
    """Cuts times to microseconds, which Python's own times hold."""
    import pyarrow as pa

    kind, types = column.type, pa.types
    if getattr(kind, "unit", None) != "ns":
        return column
    if types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", kind.tz), safe=False)
    if types.is_time(kind):
        return column.cast(pa.time64("us"), safe=False)
    return column.cast(pa.duration("us"), safe=False)
