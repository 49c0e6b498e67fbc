"""Which of a table's columns are read, and how, as the config says."""

import difflib
import re
import shlex
from collections.abc import Collection
from collections.abc import Iterable

from trainer.config import DataConfig
from trainer.process.exits import UserError
from trainer.tables.table_file import TableFile

# What config.data.read_as may say of a column.
READ_AS = (
    *("text", "decimal_point", "decimal_comma"),
    *("day_first", "month_first", "year_first"),
)
# Fields that name a column which is read and is neither label nor feature.
BESIDE = ("group", "order", "weight")


def chosen_columns(file: TableFile, data: DataConfig) -> list[str]:
    """Returns the names of the columns to read, the target's among them.

    Raises:
      UserError: the config names a column that the file lacks, or leaves none.
    """
    ignored = ignored_columns(file, data)
    for name in ignored:
        _check_name(file, "ignore", name)
    if data.target is not None:
        _check_name(file, "target", data.target)
    for field in BESIDE:
        if getattr(data, field) is not None:
            _check_beside(file, data, field, ignored)
    if data.target in ignored:
        raise UserError(
            f"config.data.target={data.target!r} is also in config.data.ignore;"
            " take it out of one of them"
        )
    # Names of rows may be named: an older command ignores them, and they may
    # even be the labels, or the groups or times of rows.
    beside = (getattr(data, field) for field in BESIDE)
    named = {*file.names, data.target, *beside}.difference(ignored)
    chosen = [name for name in file.columns if name in named]
    if not chosen:
        raise UserError(
            f"config.data.ignore={','.join(data.ignore)} leaves no column of"
            f" {file.path}; it must leave a label and one feature or more"
        )
    return chosen


def ignored_columns(file: TableFile, data: DataConfig) -> list[str]:
    """Returns the names that config.data.ignore holds."""
    return [
        name
        for entry in data.ignore
        for name in ([entry] if entry in file.columns else entry.split(","))
    ]


def _check_beside(
    file: TableFile, data: DataConfig, field: str, ignored: list[str]
) -> None:
    """Checks a column that is read and is neither label nor feature."""
    name = getattr(data, field)
    _check_name(file, field, name)
    target = data.target or [n for n in file.names if n not in ignored][-1]
    if name in ignored or name == target:
        raise UserError(
            f"config.data.{field}={name!r} is also the label or ignored; a"
            f" {field}'s column is read and is no feature: name another, or"
            " take it out of config.data.ignore"
        )
    for other in BESIDE[: BESIDE.index(field)]:
        if getattr(data, other) == name:
            raise UserError(
                f"config.data.{field}={name!r} is also config.data.{other};"
                " name another"
            )


def wished_readings(
    file: TableFile, data: DataConfig, of: Collection[str] | None = None
) -> dict[str, str]:
    """Returns what the config says of columns' reading, by their names.

    Args:
      file: whose columns they are.
      data: the config's section.
      of: columns that alone are asked for; None for all.

    Raises:
      UserError: there is no such column, or no such reading.
    """
    found = {}
    entries = [
        part
        for entry in data.read_as
        for part in (
            [entry]
            if entry.rpartition("=")[0] in file.names
            else entry.split(",")
        )
    ]
    for entry in entries:
        name, _, reading = entry.rpartition("=")
        if of is not None and name not in of:
            continue
        _check_name(file, "read_as", name)
        if reading not in READ_AS:
            raise UserError(
                f"config.data.read_as={entry!r}: {reading!r} is none of"
                f" {', '.join(READ_AS)}"
            )
        found[name] = reading
    return found


def flag(field: str, entries: Iterable[str]) -> str:
    """Returns the flag that sets a field to entries, as a shell takes it."""
    return f"--config.data.{field}={shlex.quote(flag_value(entries))}"


def flag_value(entries: Iterable[str]) -> str:
    """Returns what a flag that holds texts takes for these.

    As they are, between commas; as Python's tuple where the flag would take a
    name for something else.
    """
    found = tuple(entries)
    return ",".join(found) if all(map(_is_plain, found)) else repr(found)


def _is_plain(entry: str) -> bool:
    is_none = entry.lower() == "none"  # a field that is set to nothing
    return not (is_none or re.search("[,'\"]|^[(\\[]", entry))


def _check_name(file: TableFile, field: str, name: str) -> None:
    if name not in file.columns:
        near = difflib.get_close_matches(name, file.names, 1, 0.0)
        raise UserError(
            f"config.data.{field}={name!r} is no column of {file.path}; did you"
            f" mean {near[0]!r}?"
        )


def check_columns(file: TableFile, names: list[str]) -> None:
    """Checks that a split's file has the columns that are trained on.

    Raises:
      UserError: naming the first that it lacks.
    """
    lack = [name for name in names if name not in file.columns]
    if lack:
        raise UserError(
            f"{file.path} lacks the column {lack[0]!r}, which is trained on;"
            " all splits must have it, in any place; add it, or move the file"
            " away"
        )
