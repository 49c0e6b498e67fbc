"""Stdout as JSON lines, for machines."""

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterator
from typing import Any
from typing import TextIO

from trainer.journal.display import Display
from trainer.journal.printed import Printed
from trainer.journal.writer import Ending
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer


class JsonDisplay(Display):
    """Every line of stdout is a JSON object, whoever prints it."""

    def __init__(self) -> None:
        self._messages = Messages(sys.stdout)

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        with contextlib.redirect_stdout(self._messages):
            yield

    def writer(self, subject: Subject) -> Writer:
        return JsonLines(subject, self._messages)


class Messages(io.TextIOBase):
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


class JsonLines(Printed):
    """Tells numbers as objects; what is printed in words becomes messages."""

    def __init__(self, subject: Subject, messages: Messages) -> None:
        super().__init__(subject)
        self._say = messages.say

    def line(self, line: Line) -> None:
        place = {"step": line.step, "epoch": line.epoch, "split": line.split}
        self._say({**place, **line.values, **line.extra})

    def end(self, told: Ending) -> None:
        self._say({"result": told.result})
        super().end(told)
