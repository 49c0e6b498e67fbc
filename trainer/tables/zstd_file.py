"""A file that was packed by Zstandard, read as if it were not.

The package's own reader takes a file that was cut off for a whole one.
"""

import io
from pathlib import Path
from typing import BinaryIO
from typing import cast

# How a frame begins, and one that is skipped, as pzstd writes before each.
MAGICS = (
    b"\x28\xb5\x2f\xfd",
    *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)),
)
_PIECE_BYTES = 2**16


class _Unpacked(io.RawIOBase):
    """The content of a file's frames, one after another."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        self._file = file
        self._error = zstandard.ZstdError
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._frame = self._new_frame()
        self._packed = b""
        self._content = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        while not self._content and self._more():
            try:
                content = self._frame.decompress(self._packed)
            except self._error as error:
                raise OSError(str(error)) from None
            self._packed = b""
            self._content = memoryview(content)
        count = min(len(buffer), len(self._content))
        buffer[:count] = self._content[:count]
        self._content = self._content[count:]
        return count

    def _more(self) -> bool:
        """Gets packed bytes; tells whether there were any."""
        rest = self._frame.unused_data if self._frame.eof else b""
        self._packed = rest or self._file.read(_PIECE_BYTES)
        if self._packed and self._frame.eof:
            self._frame = self._new_frame()
        if not self._packed and not self._frame.eof:
            raise EOFError("it ends within a frame")
        return bool(self._packed)


def open_zstd(path: Path) -> BinaryIO:
    """Opens a file of Zstandard frames.

    Raises:
      ModuleNotFoundError: the package zstandard is not installed.
      OSError, EOFError: on reading, where the file is damaged or cut off.
    """
    import zstandard  # noqa: F401, before the file is opened

    return cast(BinaryIO, _Unpacked(open(path, "rb")))
