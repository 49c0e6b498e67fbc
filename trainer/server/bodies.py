"""Bodies of requests, held against limits while they come."""

import contextlib
from collections.abc import AsyncIterator

from starlette.requests import Request

from trainer.server.refusals import overloaded
from trainer.server.refusals import RefusedError

# Bodies that may be held at once, as long as one may be.
MOST_HELD = 8


class Bodies:
    """What is held of all bodies that are worked on."""

    def __init__(self, most_bytes: int) -> None:
        """Holds nothing yet.

        Args:
          most_bytes: of a body.
        """
        self._most_bytes = most_bytes
        self._held_bytes = 0

    @contextlib.asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[bytes]:
        """Yields the body of a request, once it is there.

        Raises:
          RefusedError: it is packed or too long, or others' are.
        """
        parts: list[bytes] = []
        try:
            await self._receive(request, parts)
            yield b"".join(parts)
        finally:
            self._held_bytes -= sum(map(len, parts))

    async def _receive(self, request: Request, parts: list[bytes]) -> None:
        most, size = self._most_bytes, 0
        packed = request.headers.get("content-encoding", "identity")
        if packed.lower() != "identity":
            raise RefusedError(
                415,
                f"the body is packed ({packed[:40]}); send it as it is",
                {"connection": "close"},
            )
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > most:
            raise _too_long(most)
        async for part in request.stream():
            size += len(part)
            self._held_bytes += len(part)
            parts.append(part)
            if size > most:
                raise _too_long(most)
            if self._held_bytes > MOST_HELD * most:
                raise overloaded(
                    f"requests of {self._held_bytes:,} bytes are read at once,"
                    " more than may; ask again"
                )


def _too_long(most_bytes: int) -> RefusedError:
    return RefusedError(
        413,
        f"the body has more than {most_bytes:,} bytes; ask by several, or start"
        " the server with --max_request_bytes",
        {"connection": "close"},
    )
