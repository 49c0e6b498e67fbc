"""detail.json: what stands behind the final score, for the report."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.journal.writer import Subject
from trainer.journal.writer import Writer


class MistakesFile(Writer):
    """Keeps the mistakes behind the final score."""

    def __init__(self, subject: Subject) -> None:
        self._workdir = subject.workdir

    def mistakes(
        self, split: str, step: int, find: Callable[[], dict[str, Any]]
    ) -> None:
        found = {"step": step, **find()}
        found["mistakes"] = [
            {
                **mistake,
                "picture": _encode(mistake["picture"]),
                "why": _encode(mistake["why"]),
            }
            for mistake in found["mistakes"]
        ]
        self._workdir.write_json("detail.json", found)


def _encode(pixels: np.ndarray | None) -> str | None:
    """Returns an image as a PNG in base64."""
    if pixels is None:
        return None
    return base64.b64encode(tf.io.encode_png(pixels).numpy()).decode()
