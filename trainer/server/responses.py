"""Answers as JSON, and what each error is told as."""

from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request
from starlette.responses import Response

from trainer.process.exits import UserError
from trainer.server.refusals import RefusedError

JSON = "application/json"


def json_response(
    value: Any, headers: dict[str, str] | None = None, status: int = 200
) -> Response:
    """Returns a value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, JSON)


async def _mistaken(request: Request, error: Exception) -> Response:
    return json_response({"error": str(error)}, status=400)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return json_response({"error": str(error)}, error.headers, error.status)


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answers where there is no such path, or not by this method."""
    assert isinstance(error, HTTPException)
    words = {
        404: f"there is no path {request.url.path[:80]!r}; /openapi.json has"
        " those that are",
        405: f"{request.method} is not for this path; /openapi.json has what"
        " is",
    }
    sentence = words.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    return json_response({"error": sentence}, headers, error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    """Answers where the fault is ours; the traceback is in the log."""
    sentence = "the server failed at this request; its log says why"
    return json_response({"error": sentence}, status=500)


async def _left(request: Request, error: Exception) -> Response:
    """Answers a client that is gone: nobody reads it."""
    return Response(status_code=499)


# From a class of errors to what answers for it.
HANDLERS: dict[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    UserError: _mistaken,
    RefusedError: _refused,
    HTTPException: _unrouted,
    ClientDisconnect: _left,
    Exception: _failed,
}
