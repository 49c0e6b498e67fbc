"""What a run says of itself: metrics.jsonl, TensorBoard and the terminal."""

import shlex
import time
from typing import Any

import keras
import numpy as np

from trainer.config import Config
from trainer.config.values import flatten
from trainer.journal import clock
from trainer.journal import display
from trainer.journal.display import Display
from trainer.journal.metrics_log import MetricsLog
from trainer.journal.pictures import Behind
from trainer.journal.tensorboard import first_pictures
from trainer.journal.tensorboard import IMAGES_SHOWN
from trainer.journal.tensorboard import save_grid
from trainer.journal.tensorboard import Summaries
from trainer.journal.terminal import Progress
from trainer.model.network import Network
from trainer.sources import Dataset
from trainer.workdir.folder import Workdir


class Journal:
    """Tells the same numbers everywhere; silent where it is not the chief's."""

    def __init__(
        self,
        config: Config,
        workdir: Workdir,
        display: Display,
        *,
        step: int,
        steps_per_epoch: int,
        total_steps: int,
        is_chief: bool,
    ) -> None:
        """Opens the logs where the run stands.

        Args:
          config: for the `log` section.
          workdir: where to write.
          display: how the terminal is told.
          step: that the run goes on from; 0 for a new one.
          steps_per_epoch: of the run.
          total_steps: of the run.
          is_chief: whether anything is written or shown.
        """
        self._steps_per_epoch = steps_per_epoch
        self._metrics = (
            MetricsLog(workdir / "metrics.jsonl", step) if is_chief else None
        )
        # When each line of metrics.jsonl was written, and how fast the run was.
        self._timing = (
            MetricsLog(workdir / "timing.jsonl", step) if is_chief else None
        )
        self._summaries = Summaries(
            workdir.path, step, enabled=is_chief and config.log.tensorboard
        )
        self.progress = Progress(
            config.log,
            display,
            steps_per_epoch=steps_per_epoch,
            total_steps=total_steps,
            enabled=is_chief,
        )
        self._is_chief = is_chief
        self._display = display
        self._workdir = workdir

    def epoch(self, step: int) -> int:
        """Returns the epoch that a step belongs to, from 1."""
        return max(0, step - 1) // self._steps_per_epoch + 1

    def introduce(
        self,
        config: Config,
        network: Network,
        dataset: Dataset,
        command: list[str],
        step: int,
    ) -> None:
        """Shows model, config, graph and the first training images.

        Args:
          config: of the run.
          network: that is trained.
          dataset: that it is trained on.
          command: that started this process.
          step: that it goes on from; 0 for a new run.
        """
        if not self._is_chief:
            return
        if not self._display.is_json:
            # Without its optimizer's variables, that a compiled model adds.
            model = network.model
            keras.Model(model.inputs, model.outputs, name="mlp").summary()
        self._summaries.config(flatten(config))
        self._summaries.layout(
            ["loss", network.problem.score, "learning_rate", "examples_per_sec"]
        )
        self._summaries.text("reproduce", 0, f"`{shlex.join(command)}`")
        if step:
            self._summaries.text("restarts", step, f"went on from step {step}")
        self._summaries.graph(network.model)
        train = dataset.splits["train"]
        if dataset.kind != "image" or train.x.ndim < 3:
            return
        rows = np.arange(min(IMAGES_SHOWN, train.examples))
        rows = rows if train.rows is None else np.sort(train.rows)[rows]
        pictures = first_pictures(train.x[rows], dataset.largest)
        if pictures.shape[-1] in (1, 3):
            labels = [str(label) for label in train.y[rows].tolist()]
            self._summaries.pictures(
                "train",
                0,
                "first_images",
                pictures,
                f"The first training images: {', '.join(labels)}",
            )
            save_grid(self._workdir / "first_images.png", pictures)

    def train(
        self,
        step: int,
        values: dict[str, float],
        extra: dict[str, float],
        run_secs: float,
    ) -> None:
        """Logs the mean over the examples since the last train line.

        Args:
          step: global steps done.
          values: loss and metrics.
          extra: further scalars, for TensorBoard and timing.jsonl.
          run_secs: that the run has worked, restarts included.
        """
        if self._metrics is None:
            return
        self._metrics.write(step, self.epoch(step), "train", values)
        self._tell(step, "train", {**values, **extra})
        self._time(step, "train", run_secs, extra)
        self._summaries.scalars("train", step, {**values, **extra})

    def evaluation(
        self,
        split: str,
        step: int,
        values: dict[str, float],
        run_secs: float,
    ) -> None:
        """Logs a split's score, once a step."""
        values = {k: v for k, v in values.items() if k != "examples"}
        if self._metrics is None:
            return
        if self._metrics.write(step, self.epoch(step), split, values):
            self._summaries.scalars(split, step, values)
            self._tell(step, split, values)
            self._time(step, split, run_secs, {})
        self._summaries.flush()

    def _tell(self, step: int, split: str, values: dict[str, float]) -> None:
        place = {"step": step, "epoch": self.epoch(step), "split": split}
        display.tell({**place, **values})

    def _time(
        self, step: int, split: str, run_secs: float, extra: dict[str, float]
    ) -> None:
        if self._timing is not None:
            times = {"run_secs": run_secs, "unix_secs": time.time()}
            epoch = self.epoch(step)
            self._timing.write(step, epoch, split, {**times, **extra})

    def detail(self, found: dict[str, Any]) -> None:
        """Keeps what stands behind the final score, for the report."""
        if self._is_chief:
            self._workdir.write_json("detail.json", found)

    def look(
        self, step: int, norms: dict[str, float], arrays: dict[str, np.ndarray]
    ) -> None:
        """Shows what a step does to the weights.

        Args:
          step: that was looked at.
          norms: scalars by tag.
          arrays: {tag: values} whose histograms are shown.
        """
        self._summaries.scalars("train", step, norms)
        self._summaries.histograms(step, arrays)

    def shows_detail(self) -> bool:
        """Whether anybody asks what stands behind a score."""
        return self._summaries.enabled

    def behind(self, split: str, step: int, found: Behind) -> None:
        """Shows what stands behind a split's score."""
        self._summaries.scalars(split, step, found.scalars)
        for name, counts in found.curves.items():
            self._summaries.precision_recall(split, step, name, counts)
        for name, (pictures, words) in found.pictures.items():
            self._summaries.pictures(split, step, name, pictures, words)
        for name, words in found.texts.items():
            self._summaries.text(name, step, words, split)

    def alert(self, step: int, words: str) -> None:
        """Warns in the log and in TensorBoard."""
        if self._is_chief:
            print(f"WARNING: {words}", flush=True)
            self._summaries.text("alerts", step, words)

    def goodput(self, step: int, secs: dict[str, float]) -> None:
        """Logs where the run's wall time went.

        Args:
          step: global steps done.
          secs: seconds by category, restarts included.
        """
        named = {f"goodput/{name}_secs": value for name, value in secs.items()}
        named["goodput/share"] = clock.share(secs)
        self._summaries.scalars("train", step, named)

    def end(self) -> None:
        """Says that the run is done."""
        self._summaries.end()

    def sync(self) -> None:
        """Makes what was logged last, before a checkpoint is written."""
        if self._metrics is not None:
            self._metrics.sync()
        self._summaries.flush()

    def close(self) -> None:
        for log in (self._metrics, self._timing):
            if log is not None:
                log.close()
        self._summaries.close()
