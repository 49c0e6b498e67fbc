"""Which rows are images that a PNG can hold."""

import numpy as np
import pytest

from trainer.journal.first_images import first_images
from trainer.sources import Dataset
from trainer.sources import Split


@pytest.mark.parametrize(
    ("shape", "shown"),
    [
        ((8, 6), (4, 8, 6, 1)),
        ((8, 6, 3), (4, 8, 6, 3)),
        ((8, 6, 2), None),
        ((4, 8, 6, 3), None),
    ],
)
def test_rows_of_two_and_three_dimensions_are_shown(shape, shown):
    split = Split(np.ones((5, *shape), np.float32), np.arange(5))
    found = first_images(Dataset("made", {"train": split}, kind="image"))
    assert (found and found[0].shape) == shown
