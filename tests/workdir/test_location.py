"""Where a worker's files stand: in the folder itself, or in its own copy."""

import os
import pathlib

import pytest

from tests.faults import bucket as buckets
from trainer.storage import staging
from trainer.storage.names import local_folder
from trainer.workdir.location import open_location


@pytest.fixture
def server(monkeypatch, tmp_path):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


def test_a_local_workdir_is_itself(tmp_path):
    path = str(tmp_path / "run")
    with open_location(path) as location:
        assert location.folder == path
        assert (location.facts, location.shared) == ({}, tmp_path / "run")
        location.settle()
    assert staging.localize(path) == path
    assert os.listdir(tmp_path) == []


@buckets.needs_client
def test_a_peer_takes_what_the_chief_sees(server):
    name = "checkpoints/step_00000005/state.npz"
    server.put(f"{buckets.PATH}checkpoints/step_00000005/manifest.json", b"5")
    server.put(f"{buckets.PATH}{name}", b"older")
    with open_location(buckets.NAME, 1) as location:
        assert location.folder != str(local_folder(buckets.NAME))
        path = pathlib.Path(location.folder, name)
        assert path.read_bytes() == b"older"
        server.put(f"{buckets.PATH}{name}", b"newer")
        location.settle()
        assert path.read_bytes() == b"newer"
        assert location.facts == {"workdir": buckets.NAME}
        before = list(server.done)
        (path.parent / "own").touch()
    assert server.done == before
