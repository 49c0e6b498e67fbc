"""Tensors of the Open Inference Protocol, in JSON and in bytes.

https://github.com/kserve/open-inference-protocol, and Triton's extension of
binary tensors.
"""

import math
import struct
from typing import Any
from typing import NamedTuple

import numpy as np

from trainer.process.exits import UserError
from trainer.server.handed_in import has_text
from trainer.serving.output import digits

BYTES = "BYTES"
BINARY_SIZE = "binary_data_size"
DTYPES = {
    "BOOL": np.dtype(bool),
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
_LENGTH = struct.Struct("<I")
# Axes that no row has; NumPy's own limit is higher.
_MOST_AXES = 8


class Tensor(NamedTuple):
    """An array by its name; texts are of dtype object."""

    name: str
    array: np.ndarray


def datatype_of(dtype: np.dtype) -> str:
    """Returns how the protocol calls a type of numbers."""
    return next(n for n, found in DTYPES.items() if found == dtype)


class Reader:
    """Reads tensors, whose bytes follow one another where they are binary."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._start = 0

    def read(self, value: Any) -> Tensor:
        """Reads the next tensor.

        Args:
          value: its object in the request.

        Raises:
          UserError: it is none.
        """
        if not isinstance(value, dict) or not isinstance(
            value.get("name"), str
        ):
            raise UserError("each of 'inputs' must be an object with a 'name'")
        name = value["name"]
        shown = f"input {name[:40]!r}"
        shape = _shape(shown, value.get("shape"))
        datatype = value.get("datatype")
        if not isinstance(datatype, str) or datatype not in (*DTYPES, BYTES):
            raise UserError(
                f"{shown} has datatype={str(datatype)[:40]!r}, which is none of"
                f" {', '.join([*DTYPES, BYTES])}"
            )
        parameters = value.get("parameters") or {}
        size = (
            parameters.get(BINARY_SIZE)
            if isinstance(parameters, dict)
            else None
        )
        if size is None:
            return Tensor(name, _of_json(shown, value, datatype, shape))
        data = self._take(shown, size)
        if datatype == BYTES:
            return Tensor(name, _texts(shown, _split(shown, data), shape))
        dtype = DTYPES[datatype]
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise UserError(
                f"{shown} has {len(data)} bytes, and shape {list(shape)} of"
                f" {datatype} takes {math.prod(shape) * dtype.itemsize}"
            )
        array = np.frombuffer(data, dtype)
        return Tensor(name, _reshaped(shown, array, shape))

    def _take(self, shown: str, size: Any) -> bytes:
        stop = self._start + size if isinstance(size, int) else -1
        if not self._start <= stop <= len(self._data):
            raise UserError(
                f"{shown} has {BINARY_SIZE}={size!r}, and"
                f" {len(self._data) - self._start} bytes are left"
            )
        data = self._data[self._start : stop]
        self._start = stop
        return data

    def end(self) -> None:
        """Refuses bytes that are of no tensor."""
        left = len(self._data) - self._start
        if left:
            raise UserError(
                f"{left} bytes are left after the inputs; name their"
                f" {BINARY_SIZE}"
            )


def _shape(shown: str, shape: Any) -> tuple[int, ...]:
    is_shape = isinstance(shape, list) and all(
        type(size) is int and 0 <= size < 2**31 for size in shape
    )
    if not is_shape or not 1 <= len(shape) <= _MOST_AXES:
        raise UserError(
            f"{shown} has shape={str(shape)[:40]}; it must be a list of 1 to"
            f" {_MOST_AXES} whole numbers, the rows first"
        )
    return tuple(shape)


def _of_json(
    shown: str, value: dict[str, Any], datatype: str, shape: tuple[int, ...]
) -> np.ndarray:
    data = value.get("data")
    if not isinstance(data, list):
        raise UserError(f"{shown} has no 'data'; it must be a list")
    if datatype == BYTES:
        return _texts(shown, _flat(data), shape)
    if has_text(data):
        raise UserError(f"{shown} has 'data' that are no numbers")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise UserError(f"{shown} is no array ({error})") from None
    if array.dtype.kind not in "biuf":
        raise UserError(f"{shown} has 'data' that are no numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(DTYPES[datatype])
    if datatype.startswith("FP"):
        good = np.isfinite(cast).all()
    else:
        good = np.array_equal(cast, array)
    if not good:
        raise UserError(f"{shown} has 'data' that {datatype} does not hold")
    return _reshaped(shown, cast, shape)


def _flat(data: list[Any]) -> list[Any]:
    """Returns the texts of nested lists, in order."""
    found = data
    for _ in range(_MOST_AXES):
        if not any(isinstance(part, list) for part in found):
            break
        found = [
            item
            for part in found
            for item in (part if isinstance(part, list) else [part])
        ]
    return found


def _texts(shown: str, cells: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(cells), object)
    for place, cell in enumerate(cells):
        if isinstance(cell, bytes):
            try:
                cell = cell.decode()
            except UnicodeDecodeError:
                raise UserError(
                    f"{shown} has bytes that are no UTF-8"
                ) from None
        if not isinstance(cell, str):
            raise UserError(f"{shown} has 'data' that are no texts")
        array[place] = cell
    return _reshaped(shown, array, shape)


def _reshaped(
    shown: str, array: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    if array.size != math.prod(shape):
        raise UserError(
            f"{shown} has {array.size} values, and shape {list(shape)} takes"
            f" {math.prod(shape)}"
        )
    try:
        return array.reshape(shape)
    except ValueError:  # of no rows, and yet beyond what NumPy counts to
        raise UserError(
            f"{shown} has shape={list(shape)}, which is too large"
        ) from None


def _split(shown: str, data: bytes) -> list[bytes]:
    """Returns texts, before each of which stands its length."""
    found, start = [], 0
    while start < len(data):
        stop = start + _LENGTH.size
        if stop > len(data):
            break
        (length,) = _LENGTH.unpack(data[start:stop])
        if stop + length > len(data):
            break
        found.append(data[stop : stop + length])
        start = stop + length
    if start != len(data):
        raise UserError(f"{shown} has bytes that are no texts with lengths")
    return found


def described(tensor: Tensor, rows: int = -1) -> dict[str, Any]:
    """Returns a tensor's name, datatype and shape."""
    array = tensor.array
    is_text = array.dtype == object
    return {
        "name": tensor.name,
        "datatype": BYTES if is_text else datatype_of(array.dtype),
        "shape": [rows, *array.shape[1:]],
    }


def as_json(tensor: Tensor) -> list[Any]:
    """Returns a tensor's values, row after row."""
    flat = tensor.array.ravel()
    return flat.tolist() if flat.dtype == object else digits(flat)


def as_bytes(tensor: Tensor) -> bytes:
    """Returns a tensor's values as bytes."""
    if tensor.array.dtype != object:
        return tensor.array.tobytes()
    texts = (text.encode() for text in tensor.array.ravel())
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)
