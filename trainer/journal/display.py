"""What stdout holds: text for people, or JSON for machines."""

import contextlib
import dataclasses
import io
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from typing import TextIO


@dataclasses.dataclass(frozen=True)
class Display:
    """How the chief's process tells of its work.

    Attributes:
      is_json: every line of stdout is a JSON object.
      every_secs: between two lines of progress where stdout is no terminal.
    """

    is_json: bool = False
    every_secs: float = 30.0

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """Turns what is printed into JSON where it is wanted."""
        if not self.is_json:
            yield
            return
        with contextlib.redirect_stdout(_Messages(sys.stdout)):
            yield


class _Messages(io.TextIOBase):
    """Wraps each printed line: {"unix_secs", "message"}."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if line.strip():
                self.say({"message": line})
        return len(text)

    def say(self, values: dict[str, Any]) -> None:
        line = json.dumps({"unix_secs": round(time.time(), 3), **values})
        self._stream.write(line + "\n")
        self._stream.flush()

    def flush(self) -> None:
        self._stream.flush()


def tell(values: dict[str, Any]) -> None:
    """Prints numbers for machines, where stdout is theirs."""
    if isinstance(sys.stdout, _Messages):
        sys.stdout.say(values)
