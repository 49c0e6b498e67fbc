"""Blocks of rows that are kept on this machine's disk, up to a bound."""

import errno
import os
import tempfile
import weakref
from typing import BinaryIO

import numpy as np

from trainer.process.exits import UserError
from trainer.storage.names import staging_folder

_NONE = -1


class BlockCache:
    """Blocks of rows in a file without a name, which ends with the process.

    Of more blocks than there is room for, those go that were used the longest
    ago; none goes that was used since `begin`. One thread calls all but
    `keep`.
    """

    def __init__(
        self,
        *,
        blocks: int,
        block_rows: int,
        row: tuple[int, ...],
        dtype: np.dtype,
        most_bytes: int,
    ) -> None:
        """Makes an empty one.

        Args:
          blocks: that there are in all.
          block_rows: of the largest.
          row: shape of a row.
          dtype: of its values.
          most_bytes: that are kept.

        Raises:
          UserError: the staging folder cannot be written.
        """
        self._block_bytes = block_rows * int(np.prod(row)) * dtype.itemsize
        slots = min(blocks, most_bytes // self._block_bytes)
        self._block_rows = block_rows
        # Where a block is kept, which one is, and when it was used last.
        self._slot_of = np.full(blocks, _NONE, np.int32)
        self._block_of = np.full(slots, _NONE, np.int64)
        self._used = np.zeros(slots, np.int64)
        self._now = 0
        self._free: list[int] = []
        self._rows = np.empty((0, *row), dtype)
        if slots:
            self._file = _nameless_file(slots * self._block_bytes)
            weakref.finalize(self, self._file.close)
            shape = (slots * block_rows, *row)
            self._rows = np.memmap(self._file, dtype, "r", shape=shape)

    @property
    def most_bytes(self) -> int:
        """What it holds at most."""
        return len(self._used) * self._block_bytes

    def begin(self, blocks: np.ndarray) -> np.ndarray:
        """Marks blocks as used now, if they are here: bool [blocks]."""
        self._now += 1
        slots = self._slot_of[blocks]
        is_here = slots != _NONE
        self._used[slots[is_here]] = self._now
        # The longest unused is last.
        order = np.argsort(-self._used, kind="stable")
        self._free = order[self._used[order] < self._now].tolist()
        return np.asarray(is_here)

    def rows(self, blocks: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Returns rows of blocks that are here, by any thread.

        Args:
          blocks: int64 [n].
          places: int64 [n], of the rows in them.
        """
        slots = self._slot_of[blocks].astype(np.int64)
        return np.take(self._rows, slots * self._block_rows + places, axis=0)

    def keep(self, block: int, rows: np.ndarray) -> None:
        """Keeps a block, where there is room for it, by any thread.

        Raises:
          OSError: the disk is full.
        """
        if self._slot_of[block] != _NONE:
            return
        try:
            slot = self._free.pop()
        except IndexError:
            return
        if self._block_of[slot] != _NONE:
            self._slot_of[self._block_of[slot]] = _NONE
            self._block_of[slot] = _NONE
        content = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
        place = slot * self._block_bytes
        if os.pwrite(self._file.fileno(), content.data, place) < len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._block_of[slot], self._used[slot] = block, self._now
        self._slot_of[block] = slot


def _nameless_file(size: int) -> BinaryIO:
    """Opens a file that takes no room before it is written, and ends with us.

    Raises:
      UserError: the staging folder cannot be written.
    """
    folder = staging_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115
        file.truncate(size)
    except OSError as error:
        raise UserError(
            f"{folder} cannot hold rows that are streamed ({error}); name"
            " another by STRATA_STAGING_DIR"
        ) from None
    return file
