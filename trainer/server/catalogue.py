"""What is served now: a model by its name, replaced by its next version."""

import asyncio
import contextlib
import dataclasses
import functools
import pathlib
from collections.abc import Callable

import numpy as np

from trainer.finished.trained_run import Layout
from trainer.finished.trained_run import TrainedRun
from trainer.problem.problem import Problem
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.server import opening
from trainer.server.batching import Batcher
from trainer.server.drift import Drift
from trainer.server.drift import Found
from trainer.server.metrics import Metrics
from trainer.server.opening import Refused
from trainer.server.opening import Source
from trainer.server.refusals import RefusedError
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.server.succession import changed_answers
from trainer.server.succession import check_rows
from trainer.serving.exported_run import ExportedRun

# Where the run itself does not say: an export holds no evaluation's batch.
MOST_BATCH_ROWS = 1024


@dataclasses.dataclass(frozen=True)
class Model:
    """A version of a model, warm.

    Attributes:
      name: by which it is asked for.
      version: of the export; 0 of a run itself.
      runtime: "onnx" or "tensorflow".
      run: what it is made of.
      batcher: runs its rows.
      drift: counts them; None where nothing is known of its training rows.
    """

    name: str
    version: int
    runtime: str
    run: TrainedRun | ExportedRun
    batcher: Batcher
    drift: Drift | None

    @property
    def problem(self) -> Problem:
        return self.run.problem

    @property
    def layout(self) -> Layout:
        return self.run.layout


def open_model(
    name: str, source: Source, runtime: str, limits: Limits, watcher: Metrics
) -> Model:
    """Opens a source and warms it up.

    Raises:
      UserError: it does not fit what was said of it.
    """
    opened = opening.open_source(source, runtime)
    layout = source.run.layout
    batcher = Batcher(
        opened.predict,
        np.zeros(layout.shape, layout.dtype),
        limits.batch_rows or min(source.run.evaluated_rows, MOST_BATCH_ROWS),
        wait_secs=limits.batch_wait_secs,
        most_waiting=limits.queue_requests,
        watch=functools.partial(watcher.batch, name),
        watch_queue=functools.partial(watcher.waiting, name),
    )
    drift = _drift(source.run, functools.partial(watcher.drift, name))
    return Model(
        name, source.version, opened.runtime, source.run, batcher, drift
    )


def _drift(
    run: TrainedRun | ExportedRun, tell: Callable[[Found], None]
) -> Drift | None:
    if run.sketch is None:
        return None
    bins = run.own_detail.get("calibration", {}).get("bins", [])
    return Drift(run.sketch, run.layout, run.problem, bins, tell)


class Catalogue:
    """The models by name.

    Attributes:
      models: those that answer, warm.
      refused: by name, newer versions that cannot be served, the newest first.
    """

    def __init__(self, settings: Settings, watcher: Metrics) -> None:
        """Opens all, and warms them up.

        Raises:
          UserError: one cannot be served.
        """
        self._settings = settings
        self._watcher = watcher
        self.models: dict[str, Model] = {}
        self.refused: dict[str, list[Refused]] = {}
        for name, place in settings.places:
            self.models[name] = model = self._first(name, place)
            watcher.answers(name, model.version)

    def find(self, name: str, version: str | None = None) -> Model:
        """Returns a model.

        Raises:
          RefusedError: there is none of the name, or not of this version.
        """
        model = self.models.get(name)
        if model is None:
            raise RefusedError(
                404,
                f"model {name!r} is not served; those that are: "
                + ", ".join(self.models),
            )
        if version is not None and version != str(model.version):
            raise RefusedError(
                404,
                f"version {version} of model {name!r} is not served;"
                f" {model.version} is",
            )
        return model

    def tell_drift(self) -> None:
        """Has each model tell how far its rows have moved."""
        for model in self.models.values():
            if model.drift is not None:
                model.drift.tell()

    async def take_up(self) -> None:
        """Looks for new exports for ever, and has them answer."""
        folders = {
            name: folder
            for name, place in self._settings.places
            if (folder := opening.exports_of(place)) is not None
        }
        while folders and self._settings.checkpoint is None:
            await asyncio.sleep(self._settings.poll_secs)
            for name, folder in folders.items():
                # Who removes an export meanwhile is no reason to stop, nor is
                # a machine that has no memory or no thread (RuntimeError) now.
                with contextlib.suppress(OSError, MemoryError, RuntimeError):
                    await self.look(name, folder)

    async def look(self, name: str, folder: pathlib.Path) -> None:
        """Takes up a model's newest export that can be served, if it is newer.

        It is loaded aside and warm before it answers. Requests in flight end
        where they began. One that cannot be served is told of, once, and what
        answered before goes on.
        """
        model = await asyncio.to_thread(self._newest, name, folder)
        if model is None:
            return
        changed = changed_answers(model.problem, self.models[name].problem)
        self.models[name] = model
        self._watcher.answers(name, model.version)
        tell(
            f"version {model.version} of {name} answers, by {model.runtime}"
            + (f"; {changed}" if changed else "")
        )

    def _first(self, name: str, place: str) -> Model:
        """Opens what a place has to serve when the server starts."""
        settings = self._settings
        folder = opening.exports_of(place)
        if folder is not None and settings.checkpoint is None:
            model = self._newest(name, folder)
            if model is not None:
                return model
            if self.refused[name]:
                raise UserError(self.refused[name][0].why)
        source = opening.find(place, settings.checkpoint, settings.runtime)
        return self._open(name, source)

    def _newest(self, name: str, folder: pathlib.Path) -> Model | None:
        """Opens the newest export that can be served, if it is newer.

        Those that cannot be are told of: each once while another is served.
        """
        serving, known = self.models.get(name), self.refused.get(name, [])
        model, self.refused[name] = opening.newest(
            folder,
            functools.partial(self._of_export, name),
            above=-1 if serving is None else serving.version,
            known=known,
        )
        if model is not None or serving is not None:
            told = [(each.version, each.why) for each in known]
            for refused in self.refused[name]:
                if (refused.version, refused.why) not in told:
                    tell(
                        f"version {refused.version} of {name} is not taken up:"
                        f" {refused.why}"
                    )
        return model

    def _of_export(self, name: str, version: int, path: pathlib.Path) -> Model:
        run = opening.read(path, self._settings.runtime)
        before = self.models.get(name)
        if before is not None:
            check_rows(path, run.layout, before.layout, before.version)
        return self._open(name, Source(version, run))

    def _open(self, name: str, source: Source) -> Model:
        settings, run = self._settings, source.run
        with (
            opening.refusing(run.path)
            if isinstance(run, ExportedRun)
            else contextlib.nullcontext()
        ):
            return open_model(
                name, source, settings.runtime, settings.limits, self._watcher
            )
