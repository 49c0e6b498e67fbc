"""scikit-learn's 1,797 handwritten digits, 8x8 pixels, and three tasks on them.

They ship inside scikit-learn: nothing is downloaded.
"""

import importlib.util
import pathlib

import numpy as np

from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split

LARGEST = 16.0
ORIGIN = (
    "Optical Recognition of Handwritten Digits, test set (E. Alpaydin and C."
    " Kaynak 1998, UCI Machine Learning Repository, CC BY 4.0), as shipped in"
    " scikit-learn"
)
# Which digits each label of `load_digits_attributes` is true of. A closed loop
# is one that the usual handwritten form has; an open 4 has none.
ATTRIBUTES = {
    "even": (0, 2, 4, 6, 8),
    "closed loop": (0, 6, 8, 9),
    "more than four": (5, 6, 7, 8, 9),
    "prime": (2, 3, 5, 7),
}


def _images_and_digits() -> tuple[np.ndarray, np.ndarray]:
    """Returns uint8 [1797, 8, 8] in [0, 16] and int64 [1797] in [0, 9].

    The file is read without scikit-learn, whose import takes a second.
    """
    spec = importlib.util.find_spec("sklearn")
    assert spec is not None and spec.origin is not None
    file = pathlib.Path(spec.origin).parent / "datasets/data/digits.csv.gz"
    rows = np.loadtxt(file, delimiter=",", dtype=np.int64)
    images = rows[:, :-1].astype(np.uint8).reshape(-1, 8, 8)
    return images, rows[:, -1].copy()


def load_digits() -> Dataset:
    """Returns the digits: uint8 [1797, 8, 8] in [0, 16], classes 0 to 9."""
    x, y = _images_and_digits()
    return Dataset(
        name="digits",
        splits={"train": Split(x, y)},
        kind="image",
        largest=LARGEST,
        class_names=tuple("0123456789"),
        origin=ORIGIN,
    )


def load_digits_attributes() -> Dataset:
    """Returns the digits with four 0/1 labels each, uint8 [1797, 4].

    The images are real. The labels are derived from each digit's class by
    `ATTRIBUTES`: nobody looked at the image to give them.
    """
    x, digits = _images_and_digits()
    y = np.stack([np.isin(digits, those) for those in ATTRIBUTES.values()], 1)
    return Dataset(
        name="digits_attributes",
        splits={"train": Split(x, y.astype(np.uint8))},
        kind="image",
        largest=LARGEST,
        class_names=tuple(ATTRIBUTES),
        origin=ORIGIN + "; the labels are derived from the digit's class",
    )


def load_digits_ink() -> Dataset:
    """Returns the digits' top halves and how much ink the bottom halves have.

    x is uint8 [1797, 4, 8] in [0, 16], the top half of each image. y is
    float32 [1797] in [0, 1]: the ink of the bottom half, which is not shown,
    as a share of the whole image's. Both are computed from real images.
    """
    images, _ = _images_and_digits()
    ink = images.sum((1, 2), dtype=np.float64)
    bottom = images[:, 4:].sum((1, 2), dtype=np.float64)
    return _top_halves("digits_ink", images, (bottom / ink).astype(np.float32))


def load_digits_pixels() -> Dataset:
    """Returns the digits' top halves and how many pixels of the rest are dark.

    x is as of `load_digits_ink`. y is int64 [1797] in [0, 512]: each of the 32
    numbers of the bottom half counts the dark ones of 16 scanned pixels.
    """
    images, _ = _images_and_digits()
    dark = images[:, 4:].sum((1, 2), dtype=np.int64)
    return _top_halves("digits_pixels", images, dark)


def _top_halves(name: str, images: np.ndarray, y: np.ndarray) -> Dataset:
    return Dataset(
        name=name,
        splits={"train": Split(np.ascontiguousarray(images[:, :4]), y)},
        kind="image",
        largest=LARGEST,
        origin=ORIGIN + "; the target is computed from the image",
    )
