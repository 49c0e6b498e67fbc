"""What stands before every answer: who may ask, and how it is counted."""

import functools
import hmac
import ipaddress
import time
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp
from starlette.types import Message
from starlette.types import Receive
from starlette.types import Scope
from starlette.types import Send

from trainer.server.metrics import Count
from trainer.server.settings import Settings

# What is open without a token: probes, and the page, which knows nothing.
OPEN = ("/", "/v2/health/live", "/v2/health/ready")
_BEARER = b"bearer "


class Guard:
    """An application before another."""

    def __init__(self, app: ASGIApp, settings: Settings, count: Count) -> None:
        self._app = app
        self._count = count
        self._is_local = settings.is_local
        token = settings.token
        self._token = None if token is None else token.encode()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answers, refuses or hands on a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, code, is_counted = time.perf_counter(), 500, False

        def count() -> None:
            nonlocal is_counted
            if is_counted:
                return
            is_counted = True
            # Of paths that there are not nothing is kept, lest they be many.
            asked: dict[str, Any] = scope.get("state", {})
            self._count(
                asked.get("model", ""),
                asked.get("ask", "other"),
                code,
                time.perf_counter() - began,
            )

        async def sent(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            elif not message.get("more_body", False):
                # Before its end is sent: who has an answer finds it counted.
                count()
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, sent)
        finally:
            count()

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = dict(scope["headers"])
        if self._is_local and not _is_local_name(headers.get(b"host", b"")):
            return JSONResponse(
                {
                    "error": "the Host header names another machine, and this"
                    " server is for its own; ask by 127.0.0.1 or localhost"
                },
                421,
            )
        # Of a page that does not know the token no request bears it.
        is_bare = self._is_local and self._token is None
        if is_bare and _is_of_another_page(scope["method"], headers):
            return JSONResponse(
                {
                    "error": "a web page of another place asks, and this server"
                    " is for its own page and for programs; have the page bear"
                    " a token, by --token_file, or a proxy take out the headers"
                    " Origin and Sec-Fetch-Site"
                },
                403,
            )
        if self._token is None or scope["path"] in OPEN:
            return None
        given = headers.get(b"authorization", b"")
        bears = given[: len(_BEARER)].lower() == _BEARER
        if bears and hmac.compare_digest(
            given[len(_BEARER) :].strip(), self._token
        ):
            return None
        return JSONResponse(
            {
                "error": "the Authorization header must be Bearer and the"
                " server's token"
            },
            401,
            {"www-authenticate": "Bearer"},
        )


def _is_of_another_page(method: str, headers: dict[bytes, bytes]) -> bool:
    """Whether a browser asks for a page that did not come from here.

    It needs no leave of ours for that, only to let the page read the answer.
    Where a browser tells how the page is related it is believed before Host,
    which a proxy may have written anew. A link that a person follows is none.
    """
    relation = headers.get(b"sec-fetch-site")
    if relation is None:  # an earlier browser, or a program
        origin = headers.get(b"origin")
        if origin is None:
            return False
        host = headers.get(b"host", b"").strip().lower()
        return origin.lower().partition(b"://")[2] != host
    is_link = headers.get(b"sec-fetch-mode") == b"navigate"
    return relation not in (b"same-origin", b"none") and not (
        is_link and method == "GET"
    )


@functools.lru_cache
def _is_local_name(host: bytes) -> bool:
    """Whether a Host header is none by which a web page could ask.

    A page whose own name was made to lead here sends that name.
    """
    text = host.decode("latin-1").strip().lower()
    name = text.rpartition("]")[0].lstrip("[") or text.partition(":")[0]
    if name in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
