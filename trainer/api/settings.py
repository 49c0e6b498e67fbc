"""A program's words for a config: a name or a config, and fields by keyword."""

import copy
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainer import flags
from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import assign
from trainer.config.values import types
from trainer.config.values import unknown_field
from trainer.process.exits import UserError


def settled(
    config: Config | str | os.PathLike, given: Mapping[str, Any]
) -> Config:
    """Returns a config with fields set, and every rule checked.

    Args:
      config: stays as it is; or the name of a shipped one, or a file.
      given: values by the fields' names: dotted ("model.hidden_units"), with
        "__" for a dot, or the last part alone where no other field has it.

    Raises:
      UserError: naming field, value, rule and remedy.
    """
    config = _opened(config)
    values = resolved(given)
    assign(config, values)
    flags.choose_length(config, values)
    return validate(config)


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns values by the dotted paths of the fields that are meant.

    Args:
      given: as `settled` is given them.

    Raises:
      UserError: a name is no field's, or two are the same one's.
    """
    known = types()
    values: dict[str, Any] = {}
    for name, value in given.items():
        path = _path_of(name, list(known))
        if path in values:
            raise UserError(f"{name}={value!r} sets config.{path} twice")
        value = _plain(value)
        if path.startswith("data.") and known[path] == str | None:
            # A column that is called by a number.
            value = str(value) if type(value) is int else value
        if str(known[path]).startswith("tuple"):
            value = value if isinstance(value, tuple) else (value,)
        values[path] = value
    return values


def source_of(config: Config | str | os.PathLike) -> str:
    """Returns where a config has its arrays from, `config.data.source`."""
    return _opened(config).data.source


def _opened(config: Config | str | os.PathLike) -> Config:
    if isinstance(config, Config):
        return copy.deepcopy(config)
    if not isinstance(config, str | os.PathLike):
        raise UserError(
            f"config= is a {type(config).__name__}; it must be a config, its"
            " file or the name of a shipped one; give rows as x= and y=, or as"
            " data="
        )
    return flags.open_config(os.fspath(config))


def _path_of(name: str, known: list[str]) -> str:
    """Returns the dotted path of the field that a name means."""
    path = name.replace("__", ".")
    if path in known:
        return path
    inside = [each for each in known if each.rpartition(".")[2] == path]
    if len(inside) == 1:
        return inside[0]
    if inside:
        ways = ", ".join(each.replace(".", "__") for each in inside)
        raise UserError(f"{name}: several fields end so; name one of {ways}")
    raise unknown_field(path)


def _plain(value: Any) -> Any:
    """Returns a value as Python's own, lists as tuples."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    return os.fspath(value) if isinstance(value, os.PathLike) else value
