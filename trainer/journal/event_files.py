"""TensorBoard event files: one folder a split, steps are global steps."""

import json
import pathlib
import re
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalars
from tensorboard.plugins.hparams import summary as hparams
from tensorboard.plugins.pr_curve import summary as pr_curve
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorflow.core.util import event_pb2

from trainer.journal.writer import FINAL
from trainer.process.plain_text import plain

# The folder whose parts the splits' folders are: a run's own, to TensorBoard.
RUN = ""
# How TensorFlow's names of event files begin.
EVENTS = "events.out.tfevents."


class EventFiles:
    """Writes what TensorBoard shows.

    Scalar tags are the bare names, alike in every split's folder, so that
    train, validation and test fall on one chart.
    """

    def __init__(self, folder: pathlib.Path, step: int) -> None:
        """Prepares writers that are made when first used.

        Args:
          folder: the workdir.
          step: that the run goes on from; 0 for a new one. What event files
            hold of later steps is run again, and TensorBoard is told to drop
            it.
        """
        self._folder = folder
        self._step = step
        self._earlier = list(folder.glob(f"{EVENTS}*"))
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def _writer(self, split: str) -> tf.summary.SummaryWriter:
        if split not in self._writers:
            writer = tf.summary.create_file_writer(str(self._folder / split))
            # A new run says it too: TensorBoard's reader in Python takes the
            # first such mark of a folder for a beginning, not a return.
            if split != RUN:
                _drop_after(writer, self._step)
            self._writers[split] = writer
        return self._writers[split]

    def scalars(self, split: str, step: int, values: dict[str, float]) -> None:
        # One event for all: `tf.summary.scalar` costs a millisecond for each.
        summary = summary_pb2.Summary()
        for name, value in values.items():
            summary.MergeFrom(scalar.scalar_pb(plain(name), value))
        self._raw(summary, split, step)

    def config(self, values: dict[str, object]) -> None:
        """Shows the config as a table, and in the HParams tab.

        Args:
          values: {dotted path: value}.
        """
        rows = [f"| {k} | {json.dumps(v)} |" for k, v in values.items()]
        table = "\n".join(["| field | value |", "| --- | --- |", *rows])
        with self._writer("train").as_default(0):
            tf.summary.text("config", table)
        plain = {
            k: v if isinstance(v, bool | int | float | str) else json.dumps(v)
            for k, v in values.items()
        }
        self._raw(hparams.session_start_pb(plain))

    def end(self, step: int, scores: dict[str, float]) -> None:
        """Tells the HParams tab that the run is done, and how well.

        Args:
          step: at which it ends.
          scores: the final ones, by names that hold the split.
        """
        final = {f"{FINAL}/{name}": value for name, value in scores.items()}
        self.scalars(RUN, step, final)
        self._raw(hparams.session_end_pb(hparams.api_pb2.STATUS_SUCCESS))

    def layout(self, categories: dict[str, list[str]]) -> None:
        """Puts charts first that matter first.

        Args:
          categories: tags of scalars by the category that they stand in, each
            a chart of all splits.
        """
        layout = layout_pb2.Layout(
            category=[
                layout_pb2.Category(title=title, chart=map(_chart, tags))
                for title, tags in categories.items()
            ]
        )
        self._raw(custom_scalars.pb(layout))

    def drop_earlier(self) -> None:
        """Removes what earlier starts said of the run as a whole.

        TensorBoard would show their config and layout, and no newer ones:
        those of a run that was made longer.
        """
        self._writers[RUN].flush()
        for path in self._earlier:
            path.unlink(missing_ok=True)

    def _raw(self, summary: Any, split: str = RUN, step: int = 0) -> None:
        with self._writer(split).as_default(step):
            tf.summary.experimental.write_raw_pb(summary.SerializeToString())

    def text(
        self, name: str, step: int, words: str, split: str = "train"
    ) -> None:
        with self._writer(split).as_default(step):
            tf.summary.text(plain(name), plain(words, keep="\n"))

    def histograms(self, step: int, arrays: dict[str, np.ndarray]) -> None:
        with self._writer("train").as_default(step):
            for name, values in arrays.items():
                tf.summary.histogram(name, values)

    def precision_recall(
        self, split: str, step: int, name: str, counts: np.ndarray
    ) -> None:
        """Shows a curve by threshold.

        Args:
          split: whose rows were scored.
          step: global steps done.
          name: of the curve.
          counts: int64 [4, thresholds] of true and false positives, true and
            false negatives, at evenly spaced thresholds from 0 to 1.
        """
        hits, false, rest, missed = counts
        raw = pr_curve.raw_data_pb(
            plain(name),
            *(hits, false, rest, missed),
            precision=hits / np.maximum(1, hits + false),
            recall=hits / np.maximum(1, hits + missed),
            num_thresholds=counts.shape[1],
        )
        self._raw(raw, split, step)

    def pictures(
        self, split: str, step: int, name: str, pictures: Any, words: str
    ) -> None:
        """Shows images.

        Args:
          split: whose rows they tell of.
          step: global steps done.
          name: of the images.
          pictures: uint8 [images, height, width, channels].
          words: that stand above them.
        """
        with self._writer(split).as_default(step):
            tf.summary.image(
                name,
                pictures,
                max_outputs=len(pictures),
                description=plain(words),
            )

    def graph(self, model: keras.Model) -> None:
        """Shows the network's forward pass."""
        spec = tf.TensorSpec(model.input_shape, tf.float32)

        @tf.function(autograph=False)
        def mlp(x: tf.Tensor) -> tf.Tensor:
            return model(x, training=False)

        with self._writer("train").as_default(0):
            tf.summary.graph(mlp.get_concrete_function(spec).graph)

    def flush(self) -> None:
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()


def _chart(tag: str) -> layout_pb2.Chart:
    content = layout_pb2.MultilineChartContent(tag=[f"^{re.escape(tag)}$"])
    return layout_pb2.Chart(title=tag, multiline=content)


def _drop_after(writer: tf.summary.SummaryWriter, step: int) -> None:
    """Tells TensorBoard to drop what older files hold of later steps."""
    event = event_pb2.Event(step=step + 1)
    event.session_log.status = event_pb2.SessionLog.START
    tf.raw_ops.ImportEvent(
        writer=writer._resource, event=tf.constant(event.SerializeToString())
    )
