"""The arrays of an .npz that `numpy.savez` wrote, in bounded memory.

Whoever made the file, nothing is unpickled or inflated, and no more memory is
taken than the file has bytes on the disk.
"""

import io
import math
import pathlib
import zipfile
import zlib

import numpy as np

from trainer.storage.json_files import DamagedError

_ENDING = ".npy"
# What the standard library and NumPy raise for bytes that are no .npz.
_BAD_FILE = (
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Reads all arrays by their names.

    Raises:
      DamagedError: it is not such a file: compressed, of objects, or with less
        in it than it says.
      OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
                raise DamagedError("it is compressed, as no checkpoint is")
            total_bytes = sum(each.file_size for each in entries)
            if total_bytes > path.stat().st_size:
                raise DamagedError(f"it has no room for {total_bytes} bytes")
            return {
                each.filename.removesuffix(_ENDING): _array(archive.read(each))
                for each in entries
            }
    except DamagedError:
        raise
    except _BAD_FILE as error:
        raise DamagedError(f"it is no .npz of numbers: {error}") from None


def _array(data: bytes) -> np.ndarray:
    """Returns the array of an .npy, whose header must be of as many bytes."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise DamagedError(f"an array of it is of the format {version}")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    values_bytes = math.prod(shape) * dtype.itemsize
    if dtype.hasobject or file.tell() + values_bytes != len(data):
        raise DamagedError(f"an array of it has no values of {dtype}, {shape}")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
