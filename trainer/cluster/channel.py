"""Lines between two processes that prove to each other that they are of a job.

Each sends a number that is used once, and from there on only lines with an HMAC
over both numbers, the sender, the line's place and its text, under the job's
secret. Nothing of the job is told to who does not prove to know it.
"""

import hmac
import json
import secrets
import socket
import time
from typing import Any

from trainer.storage import json_files

# What a peer may send in a line, the end of it included.
MOST_BYTES = 1 << 20
_NONCE_BYTES = 16


class StrangerError(ValueError):
    """Who is there is not of this job, or does not speak as it does."""


class Channel:
    """One end of a connection.

    Args:
      connection: to the other end.
      secret: of the job.
      is_chief: whether this is the chief's end.

    Attributes:
      connection: as given.
      is_greeted: whether the other end's number is known.
    """

    def __init__(
        self, connection: socket.socket, secret: bytes, *, is_chief: bool
    ) -> None:
        self.connection = connection
        self.is_greeted = False
        self._secret = secret
        self._is_chief = is_chief
        self._own = secrets.token_hex(_NONCE_BYTES).encode()
        self._both = b""
        self._sent = self._taken = 0
        self._text = b""
        connection.sendall(self._own + b"\n")

    def send(self, value: dict[str, Any]) -> None:
        """Sends an object, with its proof."""
        text = json.dumps(value).encode()
        proof = self._proof(self._is_chief, self._sent, text)
        self._sent += 1
        self.connection.sendall(proof + b" " + text + b"\n")

    def read(self) -> None:
        """Reads what is there, and the other end's number where it is whole.

        Raises:
          StrangerError: it is no such number.
          OSError: the connection is broken or was closed.
        """
        data = self.connection.recv(1 << 16)
        if not data:
            raise ConnectionResetError("it was closed")
        self._text += data
        if not self.is_greeted:
            self._greet()

    def _greet(self) -> None:
        digits = 2 * _NONCE_BYTES
        line, end, _ = self._text[: digits + 1].partition(b"\n")
        if len(line) > digits or (end and len(line) < digits):
            raise StrangerError("it is no process of Strata's")
        if end:
            self._text = self._text[digits + 1 :]
            pair = (self._own, line)
            self._both = b"".join(pair if self._is_chief else pair[::-1])
            self.is_greeted = True

    def take(self, schema: Any) -> Any:
        """Returns the next object that was read; None where none is whole.

        Args:
          schema: of it, as in `json_files.parse`.

        Raises:
          StrangerError: it is not proven, too long, or no such object.
        """
        line, end, rest = self._text.partition(b"\n")
        if len(line) >= MOST_BYTES:
            raise StrangerError("its line does not end")
        if not self.is_greeted or not end:
            return None
        self._text = rest
        proof, _, text = line.partition(b" ")
        expected = self._proof(not self._is_chief, self._taken, text)
        if not hmac.compare_digest(proof, expected):
            raise StrangerError("it does not prove to be of this job")
        self._taken += 1
        try:
            return json_files.parse(text, schema)
        except json_files.DamagedError as error:
            raise StrangerError(f"it says what is not its turn: {error}") from (
                None
            )

    def wait(self, schema: Any, limit_secs: float) -> Any:
        """Returns the next object; all of it must come within a time.

        Raises:
          TimeoutError: it did not.
          StrangerError, OSError: as `take` and `read`.
        """
        deadline = time.monotonic() + limit_secs
        while (value := self.take(schema)) is None:
            left_secs = deadline - time.monotonic()
            if left_secs <= 0:
                raise TimeoutError("it did not answer in time")
            self.connection.settimeout(left_secs)
            self.read()
        return value

    def _proof(self, is_chief: bool, number: int, text: bytes) -> bytes:
        sender = b"chief" if is_chief else b"worker"
        head = b"%b %b %d " % (sender, self._both, number)
        return hmac.digest(self._secret, head + text, "sha256").hex().encode()
