"""What TensorBoard shows of a run: curves, pictures, texts and the graph."""

import os
import shlex
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.config.values import flatten
from trainer.journal import matrices
from trainer.journal import pictures
from trainer.journal.event_files import EventFiles
from trainer.journal.first_images import first_images
from trainer.journal.matrices import Matrices
from trainer.journal.pictures import Diagnostics
from trainer.journal.writer import Ending
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.problem.problem import Problem
from trainer.process import clock
from trainer.process.facts import command
from trainer.storage import vertex


class TensorBoard(Writer):
    """Says in event files what the other writers say in text."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        path = subject.workdir.path
        folder = vertex.folder_of(vertex.EVENTS, path, os.environ) or path
        self._files = EventFiles(folder, subject.first_step)
        self._matrices = Matrices(
            subject.network.problem.labels,
            lambda split, step, pixels: self._files.pictures(
                split, step, "confusion_matrix", pixels[None], matrices.WORDS
            ),
        )

    def introduce(self) -> None:
        subject, files = self._subject, self._files
        files.config(flatten(subject.config))
        files.layout(_layout(subject))
        files.drop_earlier()
        files.text("reproduce", 0, f"`{shlex.join(command())}`")
        step = subject.first_step
        if step:
            files.text("restarts", step, f"went on from step {step}")
        files.graph(subject.network.model)
        shown = first_images(subject.dataset)
        if shown is not None:
            images, labels = shown
            words = f"The first training images: {', '.join(labels)}"
            files.pictures("train", 0, "first_images", images, words)

    def preview(
        self, step: int, norms: dict[str, float], tensors: dict[str, tf.Tensor]
    ) -> None:
        self._files.scalars("train", step, norms)
        arrays = {tag: np.asarray(values) for tag, values in tensors.items()}
        self._files.histograms(step, arrays)

    def alert(self, step: int, words: str) -> None:
        self._files.text("alerts", step, words)

    def line(self, line: Line) -> None:
        values = {**line.values, **line.extra}
        self._files.scalars(line.split, line.step, values)
        if line.split != "train":
            self._files.flush()

    def outputs(
        self, split: str, step: int, outputs: np.ndarray, problem: Problem
    ) -> None:
        truth = self._subject.dataset.splits[split].labels()
        found = pictures.numbers(problem, outputs, truth)
        self._show(split, step, found)
        if found.matrix is not None:
            self._matrices.add(split, step, found.matrix)

    def mistakes(
        self, split: str, step: int, find: Callable[[], dict[str, Any]]
    ) -> None:
        self._matrices.finish()
        self._show(split, step, pictures.drawings(find()))

    def _show(self, split: str, step: int, found: Diagnostics) -> None:
        files = self._files
        files.scalars(split, step, found.scalars)
        for name, counts in found.curves.items():
            files.precision_recall(split, step, name, counts)
        for name, (images, words) in found.pictures.items():
            files.pictures(split, step, name, images, words)
        for name, words in found.texts.items():
            files.text(name, step, words, split)

    def goodput(self, step: int, secs: dict[str, float]) -> None:
        named = {f"goodput/{name}_secs": value for name, value in secs.items()}
        named["goodput/share"] = clock.share(secs)
        self._files.scalars("train", step, named)

    def sync(self) -> None:
        self._files.flush()

    def end(self, told: Ending) -> None:
        if told.result["status"] == "done":
            self._files.end(told.result["step"], told.named_scores)

    def close(self) -> None:
        self._files.close()


def _layout(subject: Subject) -> dict[str, list[str]]:
    """Says which charts are seen first; a constant rate is none of them."""
    problem = subject.network.problem
    schedule = subject.config.optimizer.schedule
    rate = [] if schedule.is_constant else ["learning_rate"]
    return {
        "Scores": list(
            dict.fromkeys(["loss", problem.score, *problem.metrics])
        ),
        "Training": [*rate, "examples_per_sec"],
    }
