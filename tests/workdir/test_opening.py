"""Where a worker's files stand: in the folder itself, or in its own copy."""

import os
import pathlib

import pytest

from tests.faults import bucket as buckets
from trainer.cluster.place import Cluster
from trainer.storage import copies
from trainer.storage.names import local_folder
from trainer.workdir import opening


@pytest.fixture
def server(monkeypatch, tmp_path):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


def test_a_local_workdir_is_itself(tmp_path):
    path = str(tmp_path / "run")
    with opening.opened(path, Cluster()) as store:
        assert store.folder == path
        assert (store.facts, store.shared) == ({}, tmp_path / "run")
        store.settle()
    assert copies.fetched(path) == path
    assert os.listdir(tmp_path) == []


@buckets.needs_client
def test_a_peer_takes_what_the_chief_sees(server):
    name = "checkpoints/step_00000005/state.npz"
    server.put(f"{buckets.PATH}checkpoints/step_00000005/manifest.json", b"5")
    server.put(f"{buckets.PATH}{name}", b"older")
    place = Cluster(("a:1", "b:1"), 1)
    with opening.opened(buckets.NAME, place) as store:
        assert store.folder != str(local_folder(buckets.NAME))
        path = pathlib.Path(store.folder, name)
        assert path.read_bytes() == b"older"
        server.put(f"{buckets.PATH}{name}", b"newer")
        store.settle()
        assert path.read_bytes() == b"newer"
        assert store.facts == {"workdir": buckets.NAME}
        before = list(server.done)
        (path.parent / "own").touch()
    assert server.done == before
