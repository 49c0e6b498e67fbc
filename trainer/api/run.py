"""What a program is handed of a run that it trained."""

import functools
import html
import os
import pathlib
from collections.abc import Sequence
from typing import Any
from typing import TYPE_CHECKING

from trainer.api.hushed import SilentDisplay
from trainer.devices import start
from trainer.finished import stored_run
from trainer.finished import trained_run
from trainer.finished.stored_run import StoredRun
from trainer.reports import pages
from trainer.reports import report
from trainer.storage.names import is_remote
from trainer.tables.given import Given
from trainer.workdir import checkpoints
from trainer.workdir.folder import REPORT_FILE

if TYPE_CHECKING:
    from trainer.serving.load import TrainedModel

PAGE_PIXELS = 640


class Page:
    """A run's page, which a notebook shows.

    Attributes:
      path: of the HTML file.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Page({str(self.path)!r})"

    def _repr_html_(self) -> str:
        # A frame of its own keeps the page's style from the notebook's.
        page = html.escape(self.path.read_text(encoding="utf-8"))
        return (
            f'<iframe srcdoc="{page}" title="report" style="width: 100%;'
            f' height: {PAGE_PIXELS}px; border: 0"></iframe>'
        )


class Run:
    """A run in its workdir, which the command goes on with just as well.

    Attributes:
      workdir: its folder, from the root on.
    """

    def __init__(
        self,
        workdir: pathlib.Path,
        given: Given | None = None,
        data_dir: str | None = None,
    ) -> None:
        """Takes a workdir, and what its run was trained on."""
        # The program may go to another folder.
        self.workdir = workdir.absolute()
        if data_dir is not None and not is_remote(data_dir):
            data_dir = os.path.abspath(data_dir)
        self._given, self._data_dir = given, data_dir

    @functools.cached_property
    def _stored(self) -> StoredRun:
        return stored_run.read(str(self.workdir))

    @property
    def result(self) -> dict[str, Any]:
        """What result.json holds; see `strata report`."""
        return self._stored.result

    @property
    def status(self) -> str:
        """How it ended: "done", "stopped" (by Ctrl-C) or "diverged"."""
        return self.result["status"]

    @property
    def step(self) -> int:
        """The training step that it stands at."""
        return self.result["step"]

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """{split: {metric: value}} of the final scores; {} unless done."""
        return self.result["evaluation"]

    @property
    def history(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl: "step", "epoch", "split" and metrics."""
        return self._stored.metrics

    def curve(self, split: str, metric: str) -> tuple[list, list]:
        """Returns (steps, values) of a metric, such as ("train", "loss")."""
        return self._stored.curve(split, metric)

    @property
    def checkpoint(self) -> pathlib.Path | None:
        """The newest whole checkpoint's folder; None where there is none."""
        return checkpoints.newest_good(self.workdir / "checkpoints")

    @functools.cached_property
    def model(self) -> "TrainedModel":
        """The network whose scores these are; as `trainer.load` gives it."""
        with start.restored():
            with start.shared():
                from trainer.serving.load import load

            return load(str(self.workdir))

    def report(self) -> Page:
        """Writes the run's page beside it, for a browser or a notebook.

        Raises:
          UserError: the extra "report" is not installed.
        """
        pages.check_possible()
        path = self.workdir / REPORT_FILE
        report.write(self._stored, path)
        return Page(path)

    def export(
        self, formats: str | Sequence[str] = "saved_model,keras"
    ) -> pathlib.Path:
        """Writes the network for other programs, as `strata export` does.

        Args:
          formats: of "saved_model", "keras", "tflite" and "onnx", parted by
            commas or in a list.

        Returns:
          The folder, of which model_card.md tells what is in it.

        Raises:
          UserError: there is no such format, its extra is not installed, or it
            cannot hold the run's precision.
        """
        from trainer.serving import export
        from trainer.serving import scored_data

        names = export.chosen_formats(formats)
        run = trained_run.read(str(self.workdir))
        export.check_precision(run, names)
        data = scored_data.load(run, self._data_dir, self._given)
        with start.restored(), SilentDisplay().shown():
            with start.shared():
                from trainer.model import optimizers
            # What the export sets is set back.
            with optimizers.precise(run.config.precision):
                folder, _ = export.export(
                    run, data, names, given=self._given, starting=start.shared
                )
        return folder

    def __repr__(self) -> str:
        scores = "".join(
            f", {split} {self._stored.problem.say_score(values)}"
            for split, values in self.scores.items()
        )
        return (
            f"<Run {self.status} at step {self.step}{scores};"
            f" {str(self.workdir)!r}>"
        )
