"""The server's paths, and what stands behind each."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.convertors import register_url_convertor
from starlette.convertors import StringConvertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from trainer.server import about
from trainer.server import handed_in
from trainer.server import inference_protocol
from trainer.server import openapi
from trainer.server import page
from trainer.server import tf_serving
from trainer.server.answers import Asked
from trainer.server.batching import Outputs
from trainer.server.bodies import Bodies
from trainer.server.bodies import Held
from trainer.server.bodies import SHORT_BYTES
from trainer.server.catalogue import Catalogue
from trainer.server.catalogue import Model
from trainer.server.guard import Guard
from trainer.server.metrics import CONTENT_TYPE
from trainer.server.metrics import Metrics
from trainer.server.refusals import too_late
from trainer.server.responses import HANDLERS
from trainer.server.responses import JSON
from trainer.server.responses import json_response
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.serving.rows import check_outputs

# An answer of more values is written in a thread, too: of few rows it may be as
# many as of many.
FEW_VALUES = 2**11
# How large the batch of an answer's first row was: at this --batch_size strata
# predict gives the same bits.
BATCH_HEADER = "x-strata-batch-rows"
Reader = Callable[[Model, bytes, int], Asked]
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
        self._bodies = Bodies(limits.request_bytes)

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
            get("/", self._page),
        ]

    def _model(self, request: Request, ask: str) -> Model:
        """Returns the model that is asked, and notes what for."""
        named = request.path_params
        model = self._catalogue.find(named["name"], named.get("version"))
        request.scope["state"] |= {"ask": ask, "model": model.name}
        return model

    async def _tf_serving(
        self, ask: str, reader: Reader, request: Request
    ) -> Response:
        model = self._model(request, ask)
        kind = request.headers.get("content-type", "").lower()
        if ask == "predict" and kind.partition(";")[0].strip() == "text/csv":
            reader = _of_csv
        value, outputs = await self._answered(model, reader, request)
        return json_response(value, {BATCH_HEADER: str(outputs.batch_rows)})

    async def _infer(self, request: Request) -> Response:
        model = self._model(request, "infer")
        length = request.headers.get(inference_protocol.HEADER_LENGTH)

        def reader(model: Model, body: bytes, most_rows: int) -> Asked:
            return inference_protocol.infer(model, body, length, most_rows)

        found, outputs = await self._answered(model, reader, request)
        headers = {BATCH_HEADER: str(outputs.batch_rows)}
        if found.json_bytes is None:
            return Response(found.data, 200, headers, JSON)
        headers[inference_protocol.HEADER_LENGTH] = str(found.json_bytes)
        return Response(found.data, 200, headers, "application/octet-stream")

    async def _answered(
        self, model: Model, reader: Reader, request: Request
    ) -> tuple[Any, Outputs]:
        """Returns the answer to a request, and the outputs that it tells.

        Raises:
          UserError: it asks nothing that can be answered.
          RefusedError: it is too long, or not done in time.
        """
        limits, has_body = self._limits, False
        try:
            with self._bodies.held() as held:
                async with asyncio.timeout(limits.request_secs):
                    body = await held.receive(request)
                    has_body = True
                    # A table is read in a thread, so that others are heard.
                    asked = await _here_or_aside(
                        held,
                        len(body) <= SHORT_BYTES and reader is not _of_csv,
                        lambda: reader(model, body, limits.request_rows),
                    )
                    outputs = await model.batcher.outputs_of(asked.rows)
                    check_outputs("the request", outputs.values)
                    answer = await _here_or_aside(
                        held,
                        outputs.values.size <= FEW_VALUES,
                        lambda: asked.answer(outputs.values),
                    )
                    if model.drift is not None:
                        model.drift.look(asked.rows, outputs.values)
        except TimeoutError:
            raise too_late(limits.request_secs, has_body) from None
        return answer, outputs

    async def _tf_status(self, request: Request) -> Response:
        model = self._model(request, "status")
        refused = self._catalogue.refused.get(model.name, [])
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
            model = self._model(request, "ready")
            return json_response({"name": model.name, "ready": True})
        return json_response({request.url.path.rpartition("/")[2]: True})

    async def _models(self, request: Request) -> Response:
        models = self._catalogue.models.values()
        return json_response({"models": [about.short(m) for m in models]})

    async def _about(self, request: Request) -> Response:
        return json_response(about.full(self._model(request, "about")))

    async def _numbers(self, request: Request) -> Response:
        self._catalogue.tell_drift()
        headers = {"content-type": CONTENT_TYPE}
        return Response(self._metrics.text(), 200, headers)

    async def _openapi(self, request: Request) -> Response:
        names = list(self._catalogue.models)
        return json_response(openapi.document(names))

    async def _page(self, request: Request) -> Response:
        return Response(page.BODY, 200, page.HEADERS, "text/html")


async def _here_or_aside(
    held: Held, is_short: bool, work: Callable[[], Any]
) -> Any:
    """Does what takes a moment at once, and other work in a thread."""
    return work() if is_short else await held.aside(work)


def _of_csv(model: Model, body: bytes, most_rows: int) -> Asked:
    rows = handed_in.csv_rows(body, model.layout, most_rows)
    return tf_serving.of_instances(model, rows)


def get(path: str, endpoint: Endpoint) -> Route:
    """Returns the route of what is read."""
    return Route(path, endpoint, methods=["GET"])


def post(path: str, endpoint: Endpoint) -> Route:
    """Returns the route of what is asked."""
    return Route(path, endpoint, methods=["POST"])


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
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(Guard, settings=settings, count=metrics.request)
        ],
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app
