"""Clients that ask a server at the same time, each as soon as it is answered.

One process and one thread: what it costs is the same for every server.
"""

import asyncio
import time
from typing import NamedTuple

import numpy as np
import uvloop


class Load(NamedTuple):
    """What some clients saw in some seconds.

    Attributes:
      rate: requests a second.
      p50_ms, p99_ms: of the seconds of a request.
      failed: answers that were no 200, and connections that broke.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


class _Client(asyncio.Protocol):
    """A connection that asks one thing again and again."""

    def __init__(self, request: bytes, until: float, seen: list[float]):
        self._request = request
        self._until = until
        self._seen = seen
        self._held = b""
        self.failed = 0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self._transport = transport
        self._ask()

    def _ask(self):
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data):
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        if head < 0 or len(self._held) < head + 4 + _length(self._held[:head]):
            return
        now = time.perf_counter()
        if self._held.startswith(b"HTTP/1.1 200"):
            self._seen.append(now - self._began)
        else:
            self.failed += 1
        self._held = b""
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc):
        if time.perf_counter() < self._until:
            self.failed += 1
        if not self.done.done():
            self.done.set_result(None)


def _length(head: bytes) -> int:
    lower = head.lower()
    start = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[start:].split(b"\r\n", 1)[0])


def ask(port: int, path: str, body: bytes, clients: int, secs: float) -> Load:
    """Returns what clients see who ask one thing for some seconds."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    seen: list[float] = []

    async def run() -> int:
        loop = asyncio.get_running_loop()
        until = time.perf_counter() + secs
        made = [
            await loop.create_connection(
                lambda: _Client(head.encode() + body, until, seen),
                "127.0.0.1",
                port,
            )
            for _ in range(clients)
        ]
        await asyncio.gather(*(client.done for _, client in made))
        return sum(client.failed for _, client in made)

    began = time.perf_counter()
    failed = uvloop.run(run())
    took = time.perf_counter() - began
    p50, p99 = np.percentile(seen, (50, 99)) if seen else (np.nan, np.nan)
    return Load(len(seen) / took, 1e3 * p50, 1e3 * p99, failed)
