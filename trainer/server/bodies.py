"""Bodies of requests, held against limits until nothing reads them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.requests import Request

from trainer.server.refusals import overloaded
from trainer.server.refusals import RefusedError

# Bodies that may be held at once, as long as one may be.
MOST_HELD = 8
# Long bodies that are read at once: what is made of one may take some 20 times
# its size for a moment.
MOST_LONG = 2
# A body that is longer is long.
SHORT_BYTES = 2**16


class Bodies:
    """All bodies that are worked on.

    Attributes:
      most_bytes: of a body.
      held_bytes: of all together.
    """

    def __init__(self, most_bytes: int) -> None:
        """Holds nothing yet.

        Args:
          most_bytes: of a body.
        """
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self.threads = ThreadPoolExecutor()
        self.few_threads = ThreadPoolExecutor(MOST_LONG)

    def held(self) -> "Held":
        """Returns what holds a body while it is entered, or read aside."""
        return Held(self)


class Held:
    """A body that is worked on."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._size = 0
        self._aside: asyncio.Future[Any] | None = None

    def __enter__(self) -> "Held":
        return self

    def __exit__(self, *_: object) -> None:
        if self._aside is None:
            self._let_go()
        else:
            # A thread goes on with a body whose request was given up.
            self._aside.add_done_callback(self._let_go)

    def _let_go(self, *_: object) -> None:
        self._bodies.held_bytes -= self._size

    async def aside(self, work: Callable[[], Any]) -> Any:
        """Does work on the body in a thread, and returns what it does.

        Given up before its turn it is not done.
        """
        bodies = self._bodies
        is_long = self._size > SHORT_BYTES
        job = (bodies.few_threads if is_long else bodies.threads).submit(work)
        self._aside = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(self._aside)
        except asyncio.CancelledError:
            job.cancel()
            raise

    async def receive(self, request: Request) -> bytes:
        """Returns the body of a request, once it is there.

        Raises:
          RefusedError: it is packed or too long, or others' are.
        """
        most, parts = self._bodies.most_bytes, list[bytes]()
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
            self._size += len(part)
            self._bodies.held_bytes += len(part)
            parts.append(part)
            if self._size > most:
                raise _too_long(most)
            if self._bodies.held_bytes > MOST_HELD * most:
                raise overloaded(
                    f"requests of {self._bodies.held_bytes:,} bytes are read at"
                    " once, more than may; ask again"
                )
        return b"".join(parts)


def _too_long(most_bytes: int) -> RefusedError:
    return RefusedError(
        413,
        f"the body has more than {most_bytes:,} bytes; ask by several, or start"
        " the server with --max_request_bytes",
        {"connection": "close"},
    )
