"""Names as they are shown: what acts on a terminal or a reader is written out.

Columns, classes, files and runs may be a stranger's. An escape sequence in one
moves the cursor or sets a title, a right-to-left mark turns what follows it
around, and neither is seen.
"""

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from typing import BinaryIO
from typing import TextIO

# Controls, line separators, marks of direction, halves of pairs and tags. Marks
# that join letters are not among them: Persian and emoji need those.
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str, keep: str = "") -> str:
    r"""Returns a text whose acting characters are written out, as \x1b.

    Args:
      text: from anywhere.
      keep: of those characters that stay, as "\n" in a text of several lines.
    """
    return _ACTING.sub(lambda found: _written(found[0], keep), text)


def _written(character: str, keep: str) -> str:
    return character if character in keep else ascii(character)[1:-1]


class Plain(io.TextIOBase):
    """A stream for people, before another that takes anything.

    Attributes:
      stream: the other one.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Writes a text as `plain`, with its lines and tabs."""
        self.stream.write(plain(text, keep="\n\t"))
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()

    def __getattribute__(self, name: str) -> Any:
        # As those of the other one: io's own answers would differ.
        if name in ("buffer", "encoding", "errors", "closed"):
            return getattr(object.__getattribute__(self, "stream"), name)
        return object.__getattribute__(self, name)

    def close(self) -> None:
        """Leaves the other stream open: it is not this one's."""


class PlainBytes(io.RawIOBase):
    """As `Plain`, of lines in UTF-8 that are written whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: Any) -> int:
        text = bytes(data).decode()
        self._file.write(plain(text, keep="\n\t").encode())
        return len(data)


@contextmanager
def shown() -> Iterator[None]:
    """Has stdout and stderr be plain."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_over(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _over(stream: TextIO) -> TextIO:
    return stream if isinstance(stream, Plain) else Plain(stream)  # type: ignore[return-value]


def beneath(stream: TextIO) -> TextIO:
    """Returns the stream that takes anything, as a bar that moves needs it."""
    return stream.stream if isinstance(stream, Plain) else stream


@contextmanager
def exact() -> Iterator[None]:
    """Lets through a bar, which moves the cursor, or words for a shell.

    What is written meanwhile holds no names but the user's own.
    """
    before = sys.stdout
    sys.stdout = beneath(before)
    try:
        yield
    finally:
        sys.stdout = before
