"""HTTP from clients that are slow, send too much, or offer another protocol."""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long a request's headers may take, and how many bytes.
HEADER_SECS = 10.0
HEADER_BYTES = 2**16
# From one look at what a client has not read of its answers to the next, and
# how much less it must be by then.
READ_SECS = 30.0
READ_BYTES = 2**16


class _Parser(httptools.HttpRequestParser):
    """Reads requests that offer another protocol as if they did not.

    A server may leave the offer aside (RFC 9110, 7.8), as `curl --http2` counts
    on. This parser by itself ends such a request at its headers, and takes its
    body for another's.
    """

    def __init__(self, protocol: "PatientProtocol") -> None:
        super().__init__(protocol)
        self._protocol = protocol
        # As uvicorn allows.
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    @property
    def has_offer(self) -> bool:
        """Whether the request can be read without what it offers."""
        return self.should_upgrade() and self.get_method() != b"CONNECT"

    def feed_data(self, data: Any) -> None:
        while True:
            try:
                super().feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                if not self.has_offer:
                    raise
                data = self._head_without() + data[offer.args[0] :]

    def _head_without(self) -> bytes:
        """Returns the headers again, but for the offer."""
        version = self.get_http_version().encode()
        lines = [
            b"%b %b HTTP/%b" % (self.get_method(), self._protocol.url, version)
        ]
        lines += [
            b"%b: %b" % header
            for header in self._protocol.headers
            if header[0] != b"upgrade"
        ]
        return b"\r\n".join([*lines, b"", b""])


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which by itself waits for ever.

    It does for headers, and, with the answer in memory, for who does not read.
    """

    _timer: asyncio.TimerHandle | None = None
    _look_timer: asyncio.TimerHandle | None = None
    _is_in_headers = True
    _header_bytes = 0
    # At the last look, unless there was another answer since.
    _unread_bytes = 0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.parser: _Parser = _Parser(self)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEADER_SECS)
        self._look_timer = self.loop.call_later(READ_SECS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        if self._look_timer is not None:
            self._look_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads a part; a request that begins in it must go on soon."""
        super().data_received(data)
        if self._timer is not None:
            return
        if self._is_in_headers:
            self._wait(HEADER_SECS)
        elif self.cycle.response_complete:  # idle, and uvicorn's timer ended
            self._wait(self.timeout_keep_alive)

    def on_message_begin(self) -> None:
        if not self._is_in_headers:
            self._wait_no_more()
        self._is_in_headers, self._header_bytes = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.has_offer:
            return  # they come again
        self._is_in_headers = False
        self._wait_no_more()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self.parser.has_offer:
            return
        if self.cycle.response_complete:  # all of what was refused is there
            self._wait_no_more()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Waits no longer for the rest of what was refused than for headers."""
        self._unread_bytes = 0
        super().on_response_complete()
        refused = self.cycle.response_complete and self.cycle.more_body
        if refused and self._timer is None:
            self._wait(HEADER_SECS)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            raise ValueError("headers without end")  # answered by a 400

    def _wait(self, secs: float) -> None:
        self._timer = self.loop.call_later(secs, self._give_up)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def _look(self) -> None:
        """Ends the connection where too little of an answer was read.

        To close it would be to wait for the rest.
        """
        before = self._unread_bytes
        self._unread_bytes = self.transport.get_write_buffer_size()
        if before and self._unread_bytes > max(before - READ_BYTES, 0):
            self.transport.abort()
            return
        self._look_timer = self.loop.call_later(READ_SECS, self._look)
