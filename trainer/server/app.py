"""The server's paths, and what stands behind each."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from starlette.applications import Starlette
from starlette.convertors import register_url_convertor
from starlette.convertors import StringConvertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from trainer.process.exits import UserError
from trainer.server import about
from trainer.server import handed_in
from trainer.server import inference_protocol
from trainer.server import openapi
from trainer.server import tf_serving
from trainer.server.batching import Outputs
from trainer.server.catalogue import Catalogue
from trainer.server.catalogue import Model
from trainer.server.guard import Guard
from trainer.server.metrics import CONTENT_TYPE
from trainer.server.metrics import Metrics
from trainer.server.refusals import RefusedError
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.serving.rows import check_outputs

# A body that is longer is read in a thread, so that others are heard.
SHORT_BYTES = 2**16
# How large the batch of an answer's first row was: at this --batch_size strata
# predict gives the same bits.
BATCH_HEADER = "x-strata-batch-rows"
JSON = "application/json"
Endpoint = Callable[[Request], Awaitable[Response]]


class _NameConvertor(StringConvertor):
    """A model's name in a path: what is asked comes after a colon."""

    regex = "[^/:]+"


register_url_convertor("model", _NameConvertor())


class Api:
    """What the paths answer."""

    def __init__(
        self, catalogue: Catalogue, limits: Limits, metrics: Metrics
    ) -> None:
        self._catalogue = catalogue
        self._limits = limits
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Returns the paths; those that are asked most come first."""
        found = []
        model = "/v1/models/{name:model}"
        for start in (model, model + "/versions/{version}"):
            for ask, reader in (
                ("predict", tf_serving.predict),
                ("classify", tf_serving.classify),
                ("regress", tf_serving.regress),
            ):
                answer = functools.partial(self._tf_serving, ask, reader)
                found.append(post(f"{start}:{ask}", answer))
            found += [
                get(f"{start}/metadata", self._tf_metadata),
                get(start, self._tf_status),
            ]
        model = "/v2/models/{name:model}"
        for start in (model, model + "/versions/{version}"):
            found += [
                post(f"{start}/infer", self._infer),
                get(f"{start}/ready", self._ready),
                get(start, self._v2_metadata),
            ]
        return [
            *found,
            get("/v2/health/live", self._ready),
            get("/v2/health/ready", self._ready),
            get("/v2", self._v2_server),
            get("/v1/models", self._models),
            get("/v1/models/{name:model}/about", self._about),
            get("/metrics", self._numbers),
            get("/openapi.json", self._openapi),
        ]

    def _model(self, request: Request, ask: str) -> Model:
        """Returns the model that is asked, and notes what for."""
        named = request.path_params
        model = self._catalogue.find(named["name"], named.get("version"))
        request.scope["state"] |= {"ask": ask, "model": model.name}
        return model

    async def _tf_serving(
        self,
        ask: str,
        reader: Callable[[Model, bytes, int], tf_serving.Asked],
        request: Request,
    ) -> Response:
        model = self._model(request, ask)
        body = await self._body(request)
        kind = request.headers.get("content-type", "")
        if ask == "predict" and kind.partition(";")[0].strip() == "text/csv":
            reader = _of_csv
        asked = await self._read(reader, model, body)
        outputs = await self._outputs(model, asked.rows)
        return json_response(
            asked.answer(outputs.values),
            {BATCH_HEADER: str(outputs.batch_rows)},
        )

    async def _infer(self, request: Request) -> Response:
        model = self._model(request, "infer")
        body = await self._body(request)
        length = request.headers.get(inference_protocol.HEADER_LENGTH)

        def reader(
            model: Model, body: bytes, most_rows: int
        ) -> inference_protocol.Asked:
            return inference_protocol.infer(model, body, length, most_rows)

        asked = await self._read(reader, model, body)
        outputs = await self._outputs(model, asked.rows)
        found = asked.answer(outputs.values)
        headers = {BATCH_HEADER: str(outputs.batch_rows)}
        if found.json_bytes is None:
            return Response(found.data, 200, headers, JSON)
        headers[inference_protocol.HEADER_LENGTH] = str(found.json_bytes)
        return Response(found.data, 200, headers, "application/octet-stream")

    async def _read(
        self,
        reader: Callable[[Model, bytes, int], Any],
        model: Model,
        body: bytes,
    ) -> Any:
        if len(body) <= SHORT_BYTES:
            return reader(model, body, self._limits.request_rows)
        return await asyncio.to_thread(
            reader, model, body, self._limits.request_rows
        )

    async def _outputs(self, model: Model, rows: np.ndarray) -> Outputs:
        try:
            async with asyncio.timeout(self._limits.request_secs):
                outputs = await model.batcher.outputs_of(rows)
        except TimeoutError:
            raise RefusedError(
                504,
                f"no answer within {self._limits.request_secs:g} s; ask for"
                " fewer rows, or again",
            ) from None
        check_outputs("the request", outputs.values)
        return outputs

    async def _body(self, request: Request) -> bytes:
        """Returns the body of a request.

        Raises:
          RefusedError: it is too long, or comes too slowly.
        """
        most = self._limits.request_bytes
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > most:
            raise _too_long(most)
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._limits.request_secs):
                async for part in request.stream():
                    size += len(part)
                    if size > most:
                        raise _too_long(most)
                    parts.append(part)
        except TimeoutError:
            raise RefusedError(
                408,
                "the body did not come within"
                f" {self._limits.request_secs:g} s; send it at once",
                {"connection": "close"},
            ) from None
        return b"".join(parts)

    async def _tf_status(self, request: Request) -> Response:
        model = self._model(request, "status")
        refused = self._catalogue.refused.get(model.name)
        return json_response(tf_serving.status(model, refused))

    async def _tf_metadata(self, request: Request) -> Response:
        return json_response(
            tf_serving.metadata(self._model(request, "metadata"))
        )

    async def _v2_metadata(self, request: Request) -> Response:
        model = self._model(request, "metadata")
        return json_response(inference_protocol.model_metadata(model))

    async def _v2_server(self, request: Request) -> Response:
        return json_response(inference_protocol.server_metadata())

    async def _ready(self, request: Request) -> Response:
        """Answers probes: it was warm before it could be asked."""
        if request.path_params:
            self._model(request, "ready")
        return Response(status_code=200)

    async def _models(self, request: Request) -> Response:
        models = self._catalogue.models.values()
        return json_response({"models": [about.short(m) for m in models]})

    async def _about(self, request: Request) -> Response:
        return json_response(about.full(self._model(request, "about")))

    async def _numbers(self, request: Request) -> Response:
        headers = {"content-type": CONTENT_TYPE}
        return Response(self._metrics.text(), 200, headers)

    async def _openapi(self, request: Request) -> Response:
        return json_response(openapi.document())


def _of_csv(model: Model, body: bytes, most_rows: int) -> tf_serving.Asked:
    rows = handed_in.csv_rows(body, model.layout, most_rows)
    return tf_serving.of_instances(model, rows)


def _too_long(most_bytes: int) -> RefusedError:
    return RefusedError(
        413,
        f"the body has more than {most_bytes:,} bytes; ask by several, or start"
        " the server with --max_request_bytes",
        {"connection": "close"},
    )


def get(path: str, endpoint: Endpoint) -> Route:
    """Returns the route of what is read."""
    return Route(path, endpoint, methods=["GET"])


def post(path: str, endpoint: Endpoint) -> Route:
    """Returns the route of what is asked."""
    return Route(path, endpoint, methods=["POST"])


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


async def _left(request: Request, error: Exception) -> Response:
    """Answers a client that is gone: nobody reads it."""
    return Response(status_code=499)


def build(settings: Settings) -> ASGIApp:
    """Opens what is served and makes the application.

    Raises:
      UserError: something cannot be served.
    """
    metrics = Metrics()
    catalogue = Catalogue(settings, metrics)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(catalogue.take_up())
        yield
        task.cancel()

    app = Starlette(
        routes=Api(catalogue, settings.limits, metrics).routes(),
        exception_handlers={
            UserError: _mistaken,
            RefusedError: _refused,
            HTTPException: _unrouted,
            ClientDisconnect: _left,
        },
        middleware=[
            Middleware(Guard, settings=settings, count=metrics.request)
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app
