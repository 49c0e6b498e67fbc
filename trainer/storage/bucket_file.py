"""An object of a bucket as a file that is read in parts."""

import io

from trainer.storage.bucket import Entry
from trainer.storage.bucket import Folder


class BucketFile(io.RawIOBase):
    """An object, of which only what is read is fetched.

    Raises:
      ConflictError: it was written anew meanwhile.
      FileNotFoundError: it is gone.
      ClusterError: it cannot be reached.
    """

    def __init__(self, folder: Folder, name: str, entry: Entry) -> None:
        """Fetches nothing yet.

        Args:
          folder: that it is in.
          name: its own there.
          entry: what it was when it was listed, which it must stay.
        """
        self._folder, self._name, self._entry = folder, name, entry
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}
        self._place = base.get(whence, self._entry.size) + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes, fewer where the object ends."""
        left = max(self._entry.size - self._place, 0)
        count = left if size < 0 else min(size, left)
        if not count:  # no server has a range for that
            return b""
        part = self._folder.read_range(
            self._name,
            self._place,
            self._place + count,
            generation=self._entry.generation,
        )
        self._place += count
        return part
