"""Configs written as YAML or JSON: the fields that differ from the defaults."""

import json
import pathlib
import re
from typing import Any
from typing import ClassVar

from trainer.config.sections import Config
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.process.exits import UserError

SUFFIXES = (".json", ".yaml", ".yml")
# What a run's own config.json ends with. It may be edited here: what it trains
# is another run then.
_CHECKSUM = "checksum"
# As YAML 1.2 has them. PyYAML's own are of 1.1: `no` is false there, and 3e-4
# a text.
_SCALARS = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
    "null": r"~|null|Null|NULL|",
}


def is_document(name: str) -> bool:
    """Whether a config's file is YAML or JSON, by its name."""
    return name.lower().endswith(SUFFIXES)


def read(path: str) -> Config:
    """Returns the config of a file.

    Args:
      path: of a mapping: field to value, sections as mappings of their own, or
        dotted. A run's config.json is one.

    Raises:
      UserError: it cannot be read, holds something else, or a field that no
        config has.
    """
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        is_json = path.lower().endswith(".json")
        values = json.loads(text) if is_json else _yaml(text)
    except OSError as error:
        raise UserError(f"--config={path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"--config={path} cannot be read: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(values, dict):
        raise UserError(
            f"--config={path} must hold fields with their values, such as"
            " epochs: 3"
        )
    values.pop(_CHECKSUM, None)
    try:
        config = from_dict(values)
        flatten(config)  # which finds what is no section
        return config
    except UserError as error:
        raise UserError(f"{error} (--config={path})") from None


def _yaml(text: str) -> Any:
    """Reads YAML 1.2's core; two values of one key are a mistake.

    Raises:
      ValueError: it is none.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers: ClassVar[dict] = {}  # type: ignore[misc]

        def construct_mapping(self, node: Any, deep: bool = False) -> dict:
            keys = [key.value for key, _ in node.value]
            if twice := {key for key in keys if keys.count(key) > 1}:
                raise ValueError(f"{sorted(twice)[0]!r} stands there twice")
            return super().construct_mapping(node, deep)

    for kind, form in _SCALARS.items():
        tag, whole = f"tag:yaml.org,2002:{kind}", re.compile(rf"(?:{form})\Z")
        Loader.add_implicit_resolver(tag, whole, None)
    # 010 is ten.
    read = {
        "int": lambda _, x: int(x.value),
        "float": lambda _, x: float(x.value),
    }
    for name, construct in read.items():
        Loader.add_constructor(f"tag:yaml.org,2002:{name}", construct)
    try:
        return yaml.load(text, Loader)
    # What PyYAML raises for a tag of another type.
    except (AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise ValueError(str(error)) from None
