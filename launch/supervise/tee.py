"""What a job's processes print: shown, logged, and its last lines kept."""

import codecs
import collections
import contextlib
import os
import pathlib
import re
import sys
import threading
from collections.abc import Iterator

from trainer.process.output import Log
from trainer.process.plain_text import beneath

LINES_KEPT = 20
# Of the line with the cursor; a bar is drawn again at its next step.
_ERASED = "\r\x1b[K"
# Colours, and steps back: a terminal's control sequences.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x08")


class Tee:
    """Copies what one process prints to the screen and to a log.

    Attributes:
      label: that each of its lines begins with where it is shown.
      last_lines: the newest.
    """

    _screen = threading.Lock()
    # Whose line the cursor stands in: a bar, which has no end yet.
    _unended: "Tee | None" = None

    def __init__(self, label: str, log: pathlib.Path | None = None) -> None:
        """Names the lines.

        Args:
          label: before each line that is shown.
          log: DIR/logs/NAME, written once there is a DIR; None for none.
        """
        self.label = label
        self._log = Log(log, is_jobs=True)
        self.last_lines: collections.deque[str] = collections.deque(
            maxlen=LINES_KEPT
        )

    def copy(self, descriptor: int) -> None:
        """Shows what comes from a pipe or terminal, and keeps each line."""
        for line in self._lines(descriptor):
            self.last_lines.append(line)
            self._log.write(line.encode() + b"\n")
        self._log.close()

    def _lines(self, descriptor: int) -> Iterator[str]:
        """Shows what comes, and yields each line once it is whole."""
        line, is_start = "", True
        for text in _texts(descriptor):
            shown = []
            for part in re.split(r"(\r*\n|\r)", text):
                if is_start and part.strip("\r\n"):
                    shown.append(self.label)
                    is_start = False
                shown.append(part)
                is_start = is_start or part.endswith(("\r", "\n"))
                line += part
                if part.endswith("\n"):
                    yield _as_printed(line)
                    line = ""
            self._show("".join(shown))
        if line:
            yield _as_printed(line)

    def _show(self, text: str) -> None:
        """Prints at once, so that the lines of two processes do not mix."""
        with Tee._screen, contextlib.suppress(OSError):  # Nobody may look.
            if Tee._unended not in (None, self):
                text = _ERASED + text
            Tee._unended = None if text.endswith("\n") else self
            # As the worker wrote it: with its bar, and names made plain there.
            stdout = beneath(sys.stdout)
            stdout.write(text)
            stdout.flush()


def _texts(descriptor: int) -> Iterator[str]:
    """Yields what comes from a pipe, line by line, or from a terminal.

    A pipe's last line may lack its end, which is then added.
    """
    decoder = codecs.getincrementaldecoder("utf8")("replace")
    is_terminal, rest = os.isatty(descriptor), ""
    with open(descriptor, "rb", buffering=0) as source:
        while True:
            try:
                data = source.read(1 << 16)
            except OSError:  # a terminal's end
                data = b""
            rest += decoder.decode(data, final=not data)
            if not data:
                break
            end = len(rest) if is_terminal else rest.rfind("\n") + 1
            if end:
                yield rest[:end]
                rest = rest[end:]
    if rest:
        yield rest + "\n"


def _as_printed(line: str) -> str:
    """Returns a line as a terminal shows it in the end, colours left out."""
    text = _CONTROL.sub("", line.rstrip("\r\n"))
    return text.rpartition("\r")[2]
