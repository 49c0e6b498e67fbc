"""Lines of a text file, packed or not, in the encodings that programs write.

How a file is packed and encoded is told by its first bytes, not by its name.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import BinaryIO
from typing import TextIO

from trainer.process.exits import UserError
from trainer.process.extras import missing_package
from trainer.tables import signatures
from trainer.tables import zstd_file

# A longer line is no row of a person's own table.
MAX_LINE_CHARACTERS = 2**22
# So many more empty lines than others are no table: reading on costs time, and
# gives nothing.
MOST_EMPTY_LINES = 100_000
# Enough to tell UTF-16 without a byte order mark from other text.
_SAMPLE_BYTES = 512
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x19\x1b-\x1f]")
_DELIMITERS = b",;\t|\r\n"

_PACKED: dict[bytes, Callable[[Path], Any]] = {
    rb"\x1f\x8b": gzip.open,
    # A block's first bytes, or those of an end without one.
    rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)": bz2.open,
    rb"\xfd7zXZ\x00": lzma.open,
    **dict.fromkeys(map(re.escape, zstd_file.MAGICS), zstd_file.open_zstd),
}
# What a damaged file raises, besides OSError.
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError)


def lines(
    path: Path, most_characters: int = MAX_LINE_CHARACTERS
) -> Generator[str]:
    r"""Yields a file's lines with their ends: \n, \r or \r\n.

    One end is \r\r\n, too, which Python writes on Windows of \r\n.

    Args:
      path: UTF-8 with or without a byte order mark, or UTF-16; as it is, or
        packed by gzip, bzip2, xz or Zstandard.
      most_characters: that a line may have.

    Raises:
      UserError: naming the line, after the lines before it.
    """
    with _open(path) as file:
        number = empty = 0
        is_returned = False
        while line := file.readline(most_characters):
            if is_returned and line == "\r\n":  # the rest of \r\r\n
                is_returned = False
                continue
            is_returned = line.endswith("\r")
            number += 1
            if len(line) == most_characters:
                raise UserError(
                    f"{path}: line {number} has {most_characters} characters or"
                    " more; write a row a line"
                )
            if line.isspace():
                empty += 1
                if 2 * empty > number + MOST_EMPTY_LINES:
                    raise UserError(
                        f"{path}: line {number} is empty, as {empty - 1:,}"
                        " lines above it are, far more than hold a row; take"
                        " them out"
                    )
            if "\0" in line:
                raise UserError(
                    f"{path}: line {number} holds zero bytes, which no text"
                    " has; take them out, as at the end of a file that was"
                    " padded, or put a whole copy in its place"
                )
            if not (line.isascii() or _is_text(line)):
                raise UserError(
                    f"{path}: line {number} is no UTF-8 text; save the file as"
                    " UTF-8 (a spreadsheet calls it CSV UTF-8)"
                )
            # What DOS programs end a file with is at the end of no line.
            if line := line.removesuffix("\x1a"):
                yield line


def is_packed(begin: bytes) -> bool:
    """Whether what begins so is packed."""
    return signatures.find(begin, _PACKED) is not None


def first_bytes(path: Path) -> bytes:
    """Returns how a file begins, as it is: what `signatures` looks at.

    Raises:
      UserError: it cannot be read.
    """
    with _told(path), open(path, "rb") as file:
        return file.read(signatures.BYTES)


def first_unpacked(path: Path, count: int) -> bytes:
    """Returns how a file's content begins, unpacked if it is packed.

    Raises:
      UserError: it cannot be read.
    """
    with _told(path), _opener(path)(path) as file:
        return file.read(count)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    """Opens a file as text; a byte that is none stays in its line."""
    with contextlib.ExitStack() as held:
        held.enter_context(_told(path))
        file: BinaryIO = held.enter_context(_opener(path)(path))
        # A reader that can be looked into before it is read.
        buffered = held.enter_context(io.BufferedReader(file))  # type: ignore[type-var]
        encoding = _encoding(buffered.peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES])
        yield held.enter_context(
            io.TextIOWrapper(
                buffered,
                encoding,
                # UTF-16 has no bytes that could be kept for later.
                "surrogateescape" if encoding == "utf-8-sig" else "strict",
                newline="",
            )
        )


def _opener(path: Path) -> Callable[[Path], Any]:
    opener = signatures.find(first_bytes(path), _PACKED)
    return opener or (lambda path: open(path, "rb", buffering=0))


def _encoding(begin: bytes) -> str:
    """Tells the encoding of a text from its first bytes."""
    if begin.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "utf-32"
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = begin[0::2].count(0), begin[1::2].count(0)
    # UTF-16 has one beside each delimiter and line's end; a damaged text has
    # few, and no bytes as alphabets of a few hundred characters have there.
    delimiters = sum(map(begin.count, _DELIMITERS))
    is_utf_16 = even + odd >= delimiters or _CONTROL.search(begin)
    if even + odd < 2 or not is_utf_16:
        return "utf-8-sig"
    return "utf-16-le" if odd > even else "utf-16-be"


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tells what a file that cannot be read raises, in one line."""
    try:
        yield
    except UnicodeError:
        raise UserError(
            f"{path} begins as UTF-16 and goes on as no text; save the file as"
            " UTF-8 (a spreadsheet calls it CSV UTF-8)"
        ) from None
    except ModuleNotFoundError:
        raise missing_package(str(path), "zstandard", "zstd") from None
    except (OSError, *_DAMAGED) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path} cannot be read ({reason}); put a whole copy in its place"
        ) from None


def _is_text(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:  # a byte that surrogateescape let in
        return False
    return True
