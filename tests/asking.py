"""A server of this process, and a client of it."""

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import uvicorn

from trainer.process import ports
from trainer.server import app
from trainer.server import listening
from trainer.server.settings import Address
from trainer.server.settings import Settings

WAIT_SECS = 60


class Answer(NamedTuple):
    """What came back: `value` of JSON, and the bytes that it was."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence, which is one line."""
        sentence = self.value["error"]
        assert "\n" not in sentence and "Traceback" not in sentence
        return sentence


class Server:
    """A server that answers, and its port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Asks by a connection of its own; what is no bytes is sent as JSON."""
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        method = method or ("GET" if body is None else "POST")
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=WAIT_SECS
        )
        with contextlib.closing(connection):
            connection.request(method, path, data, headers or {})
            found = connection.getresponse()
            told = {name.lower(): text for name, text in found.getheaders()}
            return Answer(found.status, told, found.read())


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[Server]:
    """Yields a server of what settings name, and ends it."""
    with answering(app.build(settings), settings) as server:
        yield server


@contextlib.contextmanager
def answering(application: Any, settings: Settings) -> Iterator[Server]:
    """Yields a server of an application, and ends it."""
    address = Address(port=0)
    taken = ports.bound(address.host, address.port)
    taken.listen()  # who asks before it answers waits
    server = uvicorn.Server(listening.config_of(application, settings, address))
    thread = threading.Thread(target=server.run, args=([taken],))
    thread.start()
    try:
        yield Server(taken.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(WAIT_SECS)
        taken.close()


def lasting(application: Any) -> Any:
    """Returns an application that hears of its server's start and end."""

    async def with_lifespan(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await application(scope, receive, send)

    return with_lifespan
