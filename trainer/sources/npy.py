"""NumPy's .npy and .npz files, read without trusting what they say.

Nothing is ever unpickled, and nothing is allocated that the file has not the
bytes for.
"""

import contextlib
import io
import math
import os
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from trainer.process.exits import UserError

# Most bytes, inflated, that the arrays of an .npz may have in all. A folder of
# .npy files is mapped, not read, and has no limit.
MAX_NPZ_BYTES = 8 * 2**30

# More than the header of an array of numbers takes.
HEADER_BYTES = 2**14
# A size in a header beyond this is a lie.
MOST_ROWS = 2**48

# What the standard library and NumPy raise for files that are not whole, not
# what their name says, encrypted, or compressed in an unknown way.
BAD_FILE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def npz_keys(path: Path) -> list[str]:
    """Returns the names of the arrays in an .npz."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except BAD_FILE as error:
        raise _bad(path, error) from None
    return [name[:-4] for name in names if name.endswith(".npy")]


def read_npz(path: Path, keys: Iterable[str]) -> dict[str, np.ndarray]:
    """Reads those of the named arrays that an .npz has.

    Raises:
      UserError: where they would inflate to more than `MAX_NPZ_BYTES`, hold
        pickled objects, or the file is not whole.
    """
    present = [key for key in keys if key in npz_keys(path)]
    arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            infos = {key: archive.getinfo(f"{key}.npy") for key in present}
            _check_size(path, sum(i.file_size for i in infos.values()))
            for key, info in infos.items():
                # The zip's reader stops at file_size, whatever is packed.
                with archive.open(info) as file:
                    _check_header(f"{path}: {key}", file, info.file_size)
                with archive.open(info) as file, _old_headers():
                    array = np.lib.format.read_array(file, allow_pickle=False)
                # Of one in Fortran's order, no row stands in one piece.
                arrays[key] = np.asarray(array, order="C")
    except BAD_FILE as error:
        raise _bad(path, error) from None
    return arrays


def npz_shape(path: Path, key: str) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the shape and dtype that an .npz announces for an array.

    Raises:
      UserError: as `read_npz` does.
    """
    with _open_npz(path, key) as (_, shape, _, dtype):
        return shape, dtype


def npz_blocks(path: Path, key: str, block_rows: int) -> Iterator[np.ndarray]:
    """Yields an array's rows, [block_rows or fewer, ...], in bounded memory.

    One in Fortran's order is read whole.

    Raises:
      UserError: as `read_npz` does, after the blocks before.
    """
    with _open_npz(path, key) as (file, shape, by_columns, dtype):
        if by_columns:
            array = read_npz(path, [key])[key]
            for start in range(0, len(array), block_rows):
                yield array[start : start + block_rows]
            return
        for start in range(0, shape[0], block_rows):
            block = (min(block_rows, shape[0] - start), *shape[1:])
            wanted = math.prod(block) * dtype.itemsize
            values = bytearray()
            while part := file.read(wanted - len(values)):
                values += part
            if len(values) != wanted:
                raise EOFError(f"{key} ends too soon")
            yield np.frombuffer(values, dtype).reshape(block)


@contextlib.contextmanager
def _open_npz(
    path: Path, key: str
) -> Iterator[tuple[IO[bytes], tuple[int, ...], bool, np.dtype]]:
    """Opens an array of an .npz at its first value; tells of harm."""
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{key}.npy")
            _check_size(path, info.file_size)
            with archive.open(info) as file:
                header = _check_header(f"{path}: {key}", file, info.file_size)
                yield file, *header
    except BAD_FILE as error:
        raise _bad(path, error) from None


def map_npy(path: Path) -> np.ndarray:
    """Maps an .npy into memory, read-only: it may be larger than memory.

    Raises:
      UserError: where it holds pickled objects or is not whole.
    """
    try:
        with open(path, "rb") as file:
            _check_header(str(path), file, os.fstat(file.fileno()).st_size)
        # Sizes of which one is 0 may overflow as they are multiplied.
        with np.errstate(over="ignore"), _old_headers():
            return np.lib.format.open_memmap(path, mode="r")
    except BAD_FILE as error:
        raise _bad(path, error) from None


def read_header(
    name: str, begin: bytes, file_bytes: int
) -> tuple[tuple[int, ...], np.dtype, int]:
    """Reads what the .npy of a bucket announces.

    Args:
      name: of the file, for people.
      begin: its first HEADER_BYTES.
      file_bytes: how many there are in all.

    Returns:
      Shape, dtype, and where the first value stands.

    Raises:
      UserError: it holds pickled objects, is not whole, or is in an order in
        which rows do not stand together.
    """
    file = io.BytesIO(begin)
    try:
        shape, by_columns, dtype = _check_header(name, file, file_bytes)
    except BAD_FILE as error:
        raise _bad(name, error) from None
    if by_columns and len(shape) > 1:
        raise UserError(
            f"{name} is in Fortran's order, in which no row stands in one"
            " piece; save it again as numpy.ascontiguousarray(array)"
        )
    return shape, dtype, file.tell()


@contextlib.contextmanager
def _old_headers() -> Iterator[None]:
    """Takes headers as Python 2 wrote them, without NumPy's warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*additional header parsing")
        yield


def _check_size(path: Path, total_bytes: int) -> None:
    if total_bytes > MAX_NPZ_BYTES:
        raise UserError(
            f"{path} would inflate to {total_bytes} bytes; the most for an .npz"
            f" is {MAX_NPZ_BYTES}; use a folder of .npy files, which are read"
            " piece by piece"
        )


def _check_header(
    name: str, file: IO[bytes], file_bytes: int
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Holds what an .npy's header announces against the bytes there are.

    Returns:
      Its shape, whether it is in Fortran's order, and its dtype.
    """
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise ValueError(f".npy format {version}")
    with _old_headers():
        shape, by_columns, dtype = read_header(file)
    if dtype.hasobject:
        raise UserError(
            f"{name} holds pickled Python objects (ragged rows or mixed types),"
            " which are never read; save one array of numbers with rows of"
            " equal length"
        )
    if not dtype.itemsize:
        raise ValueError(f"dtype {dtype.str} takes no bytes")
    wanted = file.tell() + math.prod(shape) * dtype.itemsize
    if wanted != file_bytes:
        raise UserError(
            f"{name} has {file_bytes} bytes, and shape {shape} of {dtype} takes"
            f" {wanted}; it is truncated or damaged; save it again"
        )
    # NumPy lets True pass for 1, and any size beside a 0.
    if any(type(n) is not int or not 0 <= n < MOST_ROWS for n in shape):
        raise ValueError(f"shape {shape}")
    return shape, by_columns, dtype


def _bad(path: Path | str, error: Exception) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(
        f"{path} cannot be read ({reason}); save it again with numpy.save or"
        " numpy.savez, as numbers"
    )
