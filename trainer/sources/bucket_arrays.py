"""A gs:// folder of .npy files, whose rows are read by ranges of bytes."""

import concurrent.futures
import math
from collections.abc import Collection
from pathlib import Path

import numpy as np

from trainer.sources import npy
from trainer.sources.dataset import Rows
from trainer.sources.files import check_keys
from trainer.sources.files import KEYS
from trainer.sources.streamed_rows import Blocks
from trainer.sources.streamed_rows import changed
from trainer.sources.streamed_rows import StreamedRows
from trainer.sources.streamed_rows import WHOLE_BYTES
from trainer.storage.bucket import ConflictError
from trainer.storage.bucket import Entry
from trainer.storage.bucket import Folder
from trainer.storage.bucket import STREAMS

SUFFIX = ".npy"
BLOCK_BYTES = 128 * 2**10
# A stream of 200 MB/s gives so much in the time to the first byte, 5 ms.
GAP_BYTES = 2**20
# Of a request.
MOST_BYTES = 4 * 2**20


def open_folder(
    data_dir: str, names: Collection[str], cache_bytes: int
) -> dict[str, Rows]:
    """Opens the .npy files of a bucket, as `files.load_files` does a folder's.

    Args:
      data_dir: gs://BUCKET/PATH.
      names: of its files.
      cache_bytes: most of the disk that the rows of each array take.

    Raises:
      UserError: as of `files.load_files`, and for what `open_array` refuses.
      ClusterError: the bucket cannot be reached.
    """
    keys = [Path(name).stem for name in names if name.endswith(SUFFIX)]
    check_keys(f"--data_dir={data_dir}", keys)
    folder = Folder(data_dir)
    return {
        key: open_array(
            folder,
            f"{key}{SUFFIX}",
            cache_bytes=cache_bytes,
            # Labels are looked at by all who settle what is asked.
            is_whole=key.startswith("y"),
        )
        for key in keys
        if key in KEYS
    }


def open_array(
    folder: Folder, name: str, *, cache_bytes: int, is_whole: bool
) -> Rows:
    """Opens an array, and reads it where it is small.

    Args:
      folder: in a bucket.
      name: of its file.
      cache_bytes: most that are kept of its rows.
      is_whole: whether it is read whatever its size.

    Raises:
      UserError: it holds pickled objects, or is not whole, or in an order in
        which rows do not stand together.
      ClusterError: the bucket cannot be reached.
    """
    entry = folder.entry(name)
    if entry is None:
        raise changed(f"{folder.name}/{name}")
    array = _RemoteArray(folder, name, entry)
    if is_whole or array.bytes <= WHOLE_BYTES or not array.row_bytes:
        return array.read()
    return StreamedRows(array.blocks(), cache_bytes)


class _RemoteArray:
    """An .npy whose header was read."""

    def __init__(self, folder: Folder, name: str, entry: Entry) -> None:
        self._folder, self._file, self._entry = folder, name, entry
        self._name = f"{folder.name}/{name}"
        begin = self._part(0, min(npy.HEADER_BYTES, entry.size))
        shape, dtype, self._first = npy.read_header(
            self._name, begin, entry.size
        )
        self._shape, self._dtype = shape, dtype
        self.bytes = entry.size - self._first
        self.row_bytes = math.prod(shape[1:]) * dtype.itemsize

    def _part(self, start: int, stop: int) -> bytes:
        """Reads some of the file's bytes."""
        if start == stop:  # no server has a range for that
            return b""
        try:
            return self._folder.read_range(
                self._file, start, stop, generation=self._entry.generation
            )
        except (ConflictError, FileNotFoundError):
            raise changed(self._name) from None

    def read(self) -> np.ndarray:
        """Returns all of it."""
        values = np.empty(self.bytes, np.uint8)

        def fill(start: int) -> None:
            stop = min(start + MOST_BYTES, self.bytes)
            part = self._part(self._first + start, self._first + stop)
            values[start:stop] = np.frombuffer(part, np.uint8)

        with concurrent.futures.ThreadPoolExecutor(STREAMS) as readers:
            for _ in readers.map(fill, range(0, self.bytes, MOST_BYTES)):
                pass
        return values.view(self._dtype).reshape(self._shape)

    def blocks(self) -> Blocks:
        """Returns its rows as what is fetched by ranges."""
        rows = self._shape[0]
        block_rows = max(1, BLOCK_BYTES // self.row_bytes)
        block_bytes = block_rows * self.row_bytes
        starts = np.append(np.arange(0, rows, block_rows), rows)
        # As all arrays of truths are taken.
        dtype = np.dtype(np.uint8) if self._dtype.kind == "b" else self._dtype

        def fetch(start: int, stop: int) -> np.ndarray:
            first, last = (int(starts[n]) for n in (start, stop))
            part = self._part(
                self._first + first * self.row_bytes,
                self._first + last * self.row_bytes,
            )
            values = np.frombuffer(part, dtype)
            return values.reshape(last - first, *self._shape[1:])

        return Blocks(
            name=self._name,
            row=self._shape[1:],
            dtype=dtype,
            starts=starts,
            fetch=fetch,
            most_blocks=max(1, MOST_BYTES // block_bytes),
            gap_blocks=GAP_BYTES // block_bytes,
            readers=STREAMS,
        )
