"""Which rows are images that a PNG can hold."""

import numpy as np
import pytest

from trainer.journal.first_images import first_images
from trainer.journal.first_images import save_grid
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


def test_they_take_the_place_of_those_before_whole(tmp_path):
    path, before = tmp_path / "first_images.png", tmp_path / "before"
    path.write_bytes(b"before")
    before.hardlink_to(path)
    save_grid(path, np.zeros((1, 8, 8, 1), np.uint8))
    assert path.read_bytes().startswith(b"\x89PNG")
    assert before.read_bytes() == b"before"
