"""The IDX format of MNIST's files.

Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits":
two zero bytes, the type (8 for unsigned bytes), the number of dimensions, each
dimension as a big-endian uint32, then the values, last dimension fastest.
"""

import contextlib
import gzip
import hashlib
import io
import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trainer.process.exits import UserError

# Most bytes that a header may announce. No file is inflated beyond what its
# header says plus one byte.
MAX_BYTES = 8 * 2**30
CHUNK_BYTES = 16 * 2**20


def read_idx(
    path: Path, dimensions: int, original: tuple[int, str] | None = None
) -> np.ndarray:
    """Reads an IDX file of unsigned bytes.

    Args:
      path: the file; inflated where its name ends in .gz.
      dimensions: how many the array must have.
      original: the number of items and the SHA-256 of the content of the file
        this must be, if it has as many items; None for any file.

    Returns:
      uint8 of the header's shape.

    Raises:
      UserError: where it is not such a file, or not whole.
    """
    with _open(path) as file:
        header = _read(file, 4 + 4 * dimensions)
        shape = _shape(path, header, dimensions)
        values = _read(file, math.prod(shape) + 1)
    _check_length(path, shape, len(values) - math.prod(shape))
    if original and shape[0] == original[0]:
        _check_sum(path, (header, values), original[1])
    return np.frombuffer(values, np.uint8).reshape(shape)


def idx_shape(path: Path) -> tuple[int, ...]:
    """Returns the shape that an IDX file of unsigned bytes announces.

    Raises:
      UserError: where it is not such a file.
    """
    with _open(path) as file:
        return _any_shape(path, file)


def idx_blocks(path: Path, block_rows: int) -> Iterator[np.ndarray]:
    """Yields an IDX file's rows, uint8 [block_rows or fewer, ...].

    Raises:
      UserError: where it is not such a file, or not whole; after the blocks
        before.
    """
    with _open(path) as file:
        shape = _any_shape(path, file)
        for start in range(0, shape[0], block_rows):
            block = (min(block_rows, shape[0] - start), *shape[1:])
            values = _read(file, math.prod(block))
            _check_length(path, shape, min(0, len(values) - math.prod(block)))
            yield np.frombuffer(values, np.uint8).reshape(block)
        _check_length(path, shape, len(file.read(1)))


@contextlib.contextmanager
def _open(path: Path) -> Iterator[gzip.GzipFile | io.BufferedReader]:
    """Opens a file, inflated where its name ends in .gz, and tells of harm."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as f:
            yield f
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read ({error}); put a whole copy in its place"
        ) from None


def _any_shape(
    path: Path, file: gzip.GzipFile | io.BufferedReader
) -> tuple[int, ...]:
    magic = _read(file, 4)
    dimensions = magic[3] if len(magic) == 4 else 1
    return _shape(path, magic + _read(file, 4 * dimensions), dimensions)


def _check_length(path: Path, shape: tuple[int, ...], more_bytes: int) -> None:
    if more_bytes:
        state = "more" if more_bytes > 0 else "truncated: fewer"
        raise UserError(
            f"{path} has {state} bytes than the {math.prod(shape)} of its"
            f" header's shape {shape}; put a whole copy in its place"
        )


def _read(
    file: gzip.GzipFile | io.BufferedReader, most_bytes: int
) -> bytearray:
    """Reads on, in chunks: memory grows with the content, not the header."""
    content = bytearray()
    while chunk := file.read(min(CHUNK_BYTES, most_bytes - len(content))):
        content += chunk
    return content


def _shape(path: Path, header: bytearray, dimensions: int) -> tuple[int, ...]:
    magic = bytes((0, 0, 8, dimensions))
    if header[:4] != magic or len(header) < 4 + 4 * dimensions:
        raise UserError(
            f"{path} begins with 0x{header[:4].hex()} and must with"
            f" 0x{magic.hex()} and {dimensions} sizes, as an IDX file of"
            f" {dimensions}-dimensional bytes; put a whole copy in its place"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if not all(shape):
        raise UserError(
            f"{path} announces shape {shape}; each size must be 1 or more; put"
            " a whole copy in its place"
        )
    if math.prod(shape) > MAX_BYTES:
        raise UserError(
            f"{path} announces {math.prod(shape)} bytes; the most is"
            f" {MAX_BYTES}; use a folder of .npy files and"
            " --config.data.source=files"
        )
    return shape


def _check_sum(
    path: Path, content: tuple[bytearray, ...], checksum: str
) -> None:
    sha256 = hashlib.sha256()
    for part in content:
        sha256.update(part)
    digest = sha256.hexdigest()
    if digest != checksum:
        raise UserError(
            f"{path} has the wrong checksum: SHA-256 {digest}, not the"
            f" original's {checksum}; put the original in its place, or use"
            " --config.data.source=files for data of your own"
        )
