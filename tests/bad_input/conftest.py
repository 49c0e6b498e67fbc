"""The empty folder that a mistake is made in."""

import pytest


@pytest.fixture
def here(tmp_path):
    path = tmp_path / "here"
    path.mkdir()
    return path
