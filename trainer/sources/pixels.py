"""Stored images as pixels that can be looked at."""

import numpy as np


def to_pixels(x: np.ndarray, largest: float | None) -> np.ndarray:
    """Returns images as uint8 [images, height, width, channels].

    Args:
      x: images as stored, [images, height, width] or with channels last.
      largest: the value shown as white; None for the largest of them.
    """
    x = np.asarray(x, np.float64)
    white = largest or max(float(x.max()), 1e-12)
    pixels = np.clip(np.round(x / white * 255), 0, 255).astype(np.uint8)
    return pixels[..., None] if pixels.ndim == 3 else pixels
