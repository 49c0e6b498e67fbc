"""A config's fields by their dotted paths: read, set, and to and from JSON."""

import dataclasses
import difflib
from collections.abc import Iterator
from typing import Any

from trainer.config.rules import Rule
from trainer.config.sections import Config
from trainer.process.exits import UserError

# Fields that earlier versions had, and the value of each by which a run is
# what it would be without. Workdirs hold them.
RETIRED = {"checkpoint.every_epoch": False}


def fields(
    config: Any, prefix: str = ""
) -> Iterator[tuple[str, dataclasses.Field, Any]]:
    """Yields (dotted path, field, value) of every leaf field of a config."""
    for field in dataclasses.fields(config):
        path = prefix + field.name
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(field.type):
            if not isinstance(value, field.type):  # type: ignore[arg-type]
                raise UserError(
                    f"config.{path}={value!r} must be a"
                    f" {field.type.__name__}; see strata help config"  # type: ignore[union-attr]
                )
            yield from fields(value, path + ".")
        else:
            yield path, field, value


def types() -> dict[str, Any]:
    """Returns the type of every field by its dotted path."""
    return {path: field.type for path, field, _ in fields(Config())}


def rules() -> dict[str, Rule]:
    """Returns the rule of every field that has one, by its dotted path."""
    return {
        path: field.metadata["rule"]
        for path, field, _ in fields(Config())
        if field.metadata
    }


def flatten(config: Any) -> dict[str, Any]:
    """Returns {dotted path: value} of a config, tuples as JSON's lists."""
    return {
        path: list(value) if isinstance(value, tuple) else value
        for path, _, value in fields(config)
    }


def from_dict(values: dict[str, Any]) -> Config:
    """Returns the config of `dataclasses.asdict` or of `flatten`.

    A field that is absent takes its default.

    Raises:
      UserError: a field that no config has, or one of an earlier version
        that was set.
    """
    config = Config()
    assign(config, values)
    return config


def assign(section: Any, values: dict[str, Any], prefix: str = "") -> None:
    """Sets fields of a config, or of a section of it that `prefix` names."""
    for path, value in values.items():
        if not isinstance(path, str):
            raise unknown_field(f"{prefix}{path}")
        if prefix + path in RETIRED:
            _check_retired(prefix + path, value)
            continue
        *parents, name = path.split(".")
        holder = section
        for parent in parents:
            holder = getattr(holder, parent, None)
        if not _is_field(holder, name):
            raise unknown_field(prefix + path)
        own = getattr(holder, name)
        # Of a field that is no section, {} is a value as any other.
        if isinstance(value, dict) and (value or dataclasses.is_dataclass(own)):
            assign(own, value, f"{prefix}{path}.")
        else:
            setattr(
                holder, name, tuple(value) if isinstance(value, list) else value
            )


def _is_field(holder: Any, name: str) -> bool:
    """Whether a section has such a field; a property of it is none."""
    if not dataclasses.is_dataclass(holder) or isinstance(holder, type):
        return False
    return name in {field.name for field in dataclasses.fields(holder)}


def _check_retired(path: str, value: Any) -> None:
    if value != RETIRED[path]:
        raise UserError(
            f"config.{path}={value!r} is of an earlier version; this one goes"
            f" on where it was {RETIRED[path]!r}"
        )


def unknown_field(path: str) -> UserError:
    """Returns the error for a field that no config has, with the nearest."""
    known = list(types())
    inside = [k for k in known if k.startswith(path + ".")]
    if inside:
        return UserError(
            f"config.{path} is a section of the config; set its fields, such as"
            f" config.{inside[0]}"
        )
    leaves = [k for k in known if k.rsplit(".")[-1] == path.rsplit(".")[-1]]
    near = leaves or difflib.get_close_matches(path, known, n=1)
    remedy = (
        f"did you mean config.{near[0]}?"
        if near
        else "strata help config lists them"
    )
    return UserError(f"config.{path} is not a field of the config; {remedy}")
