"""Stored images as pixels, whatever they are stored as."""

import numpy as np
import pytest

from trainer.sources.pixels import to_pixels


@pytest.mark.parametrize(
    ("x", "largest", "expected"),
    [
        (np.array([[[0, 8], [16, 4]]], np.uint8), 16, [0, 128, 255, 64]),
        (np.array([[[0.0, 0.5], [2.0, -1.0]]]), None, [0, 64, 255, 0]),
        (np.zeros((1, 2, 2), np.float32), None, [0, 0, 0, 0]),
    ],
)
def test_the_largest_value_is_white(x, largest, expected):
    pixels = to_pixels(x, largest)
    assert pixels.dtype == np.uint8
    assert pixels.shape == (1, 2, 2, 1)
    assert pixels.ravel().tolist() == expected


def test_channels_stay_as_they_are():
    x = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    np.testing.assert_array_equal(to_pixels(x, 255), x)
