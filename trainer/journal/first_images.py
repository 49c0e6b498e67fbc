"""first_images.png: what the first training images look like."""

import pathlib

import numpy as np
import tensorflow as tf

from trainer.journal.writer import Subject
from trainer.journal.writer import Writer
from trainer.sources import Dataset
from trainer.sources.pixels import to_pixels
from trainer.storage.files import write_atomically
from trainer.workdir.folder import FIRST_IMAGES_FILE

IMAGES_SHOWN = 4


class FirstImages(Writer):
    """Shows whether images are read the right way up."""

    def __init__(self, subject: Subject) -> None:
        self._dataset = subject.dataset
        self._path = subject.workdir / FIRST_IMAGES_FILE

    def introduce(self) -> None:
        shown = first_images(self._dataset)
        if shown is not None:
            save_grid(self._path, shown[0])


def first_images(dataset: Dataset) -> tuple[np.ndarray, list[str]] | None:
    """Returns the first training images and their labels.

    Args:
      dataset: of any kind.

    Returns:
      uint8 [images, height, width, 1 or 3], and a label each; None where the
      data are no images that a PNG can hold.
    """
    train = dataset.splits["train"]
    if dataset.kind != "image" or train.x.ndim not in (3, 4):
        return None
    rows = np.arange(min(IMAGES_SHOWN, train.examples))
    rows = rows if train.rows is None else np.sort(train.rows)[rows]
    pictures = to_pixels(train.x[rows], dataset.largest)
    if pictures.shape[-1] not in (1, 3):
        return None
    return pictures, [str(label) for label in train.y[rows].tolist()]


def save_grid(path: pathlib.Path, pictures: np.ndarray) -> None:
    """Writes up to four images, two a row, as a PNG large enough to see.

    Args:
      path: of the file.
      pictures: uint8 [images, height, width, 1 or 3].
    """
    blank = np.zeros_like(pictures[:1])
    four = np.concatenate(
        [pictures, *([blank] * (IMAGES_SHOWN - len(pictures)))]
    )
    rows = [np.concatenate(four[i : i + 2], axis=1) for i in (0, 2)]
    grid = np.concatenate(rows, axis=0)
    zoom = max(1, 224 // grid.shape[0])
    grid = grid.repeat(zoom, axis=0).repeat(zoom, axis=1)
    write_atomically(path, tf.io.encode_png(grid).numpy())
