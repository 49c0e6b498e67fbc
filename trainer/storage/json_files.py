"""JSON that is read back: checked against a schema and its own checksum.

A file's checksum is of its values, and stands in it as the last of them: one
rename changes both. A file of an earlier version has none.
"""

import hashlib
import json
import math
import pathlib
from typing import Any
from typing import NamedTuple
from typing import NoReturn

import msgspec

CHECKSUM = "checksum"
# Deeper than anything that is written, and far from Python's own limit.
MOST_LEVELS = 32


class DamagedError(ValueError):
    """Bytes are not what was written; says what is wrong with them."""


class Found(NamedTuple):
    """What a file holds.

    Attributes:
      value: without the checksum.
      is_sealed: whether it had one, which it matched.
    """

    value: dict[str, Any]
    is_sealed: bool


def parse(data: bytes, schema: Any) -> Any:
    """Returns JSON's value of a schema.

    Args:
      data: UTF-8.
      schema: a type that `msgspec.convert` takes, such as a TypedDict; further
        keys are let through.

    Raises:
      DamagedError: it is no JSON, of another schema, too deep, or holds a
        number that is not finite.
    """
    try:
        value = json.loads(
            data.decode(), parse_float=_finite, parse_constant=_no_number
        )
        _check_levels(value, MOST_LEVELS)
    except RecursionError:
        raise DamagedError("it is nested too deeply") from None
    except UnicodeError as error:
        raise DamagedError(f"it is no UTF-8: {error}") from None
    except ValueError as error:
        raise DamagedError(f"it is no JSON: {error}") from None
    check(value, schema)
    return value


def check(value: Any, schema: Any) -> None:
    """Raises DamagedError where a value of JSON is not of a schema."""
    try:
        msgspec.convert(value, schema)
    except UnicodeError:  # half of a pair of UTF-16 in a key
        raise DamagedError("a key of it is no Unicode") from None
    except msgspec.ValidationError as error:
        raise DamagedError(str(error)) from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _no_number(text)
    return value


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no finite number")


def _check_levels(value: Any, left: int) -> None:
    if not left:
        raise RecursionError
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return
    for part in value:
        _check_levels(part, left - 1)


def checksum_of(value: dict[str, Any]) -> str:
    """Returns the SHA-256 of an object's values, whatever their order.

    Raises:
      ValueError: it holds what JSON does not, as NaN.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(value: dict[str, Any]) -> dict[str, Any]:
    """Returns an object with its checksum, to be written."""
    # As it is read back: tuples are lists, and keys are texts.
    value = json.loads(json.dumps(value, allow_nan=False))
    return {**value, CHECKSUM: checksum_of(value)}


def opened(data: bytes, schema: Any) -> Found:
    """Returns an object that was `sealed`, or written by an earlier version.

    Raises:
      DamagedError: as `parse`, or it is not what was sealed.
    """
    value = parse(data, dict[str, Any])
    expected = value.pop(CHECKSUM, None)
    if expected is not None and expected != checksum_of(value):
        raise DamagedError("it does not match its checksum: it was altered")
    check(value, schema)
    return Found(value, expected is not None)


def read(path: pathlib.Path, schema: Any) -> Found:
    """Reads a file; raises as `opened`, and OSError.

    Args:
      path: of the file.
      schema: as in `parse`.
    """
    return opened(path.read_bytes(), schema)
