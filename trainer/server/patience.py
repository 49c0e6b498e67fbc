"""HTTP from clients that are slow, or send headers without end."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long a request's headers may take, and how many bytes.
HEADER_SECS = 10.0
HEADER_BYTES = 2**16


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, which by itself waits for headers for ever."""

    _timer: asyncio.TimerHandle | None = None
    _is_in_headers = True
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads a part; a request that begins in it must go on soon."""
        super().data_received(data)
        if self._is_in_headers and self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        self._is_in_headers, self._header_bytes = True, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_headers = False
        self._wait_no_more()
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            raise ValueError("headers without end")  # answered by a 400

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEADER_SECS, self._give_up)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()
