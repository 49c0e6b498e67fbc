"""Where a worker's files stand: in the folder itself, or in its own copy."""

import os
import pathlib
import threading

import pytest

from tests.faults import bucket as buckets
from trainer.storage import staging
from trainer.storage.names import local_folder
from trainer.workdir.lease_object import LeaseObject
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


def start_peer():
    """Returns a peer that has met the chief, and ended its training."""
    met = threading.Event()

    def run():
        with open_location(buckets.NAME, 1) as location:
            location.settle()
            met.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert met.wait(60)
    return thread


@buckets.needs_client
def test_a_peer_leaves_after_the_chief(server, monkeypatch):
    """Which may copy a checkpoint for longer than launchers wait for one."""
    monkeypatch.setattr(LeaseObject, "poll_secs", 0.05)
    with open_location(buckets.NAME):
        peer = start_peer()
        peer.join(1.0)
        assert peer.is_alive()
    peer.join(60)
    assert not peer.is_alive()


@buckets.needs_client
@pytest.mark.parametrize("after", [b'{"token": "1"}', b'{"token": "2"}'])
def test_a_peer_waits_for_no_chief_that_is_silent_or_gone(
    after, server, monkeypatch
):
    monkeypatch.setattr(LeaseObject, "poll_secs", 0.05)
    is_same = after == b'{"token": "1"}'
    expiry_secs = 0.5 if is_same else 600.0
    monkeypatch.setattr(LeaseObject, "expiry_secs", expiry_secs)
    server.put(f"{buckets.PATH}.lease", b'{"token": "1"}')
    peer = start_peer()
    server.put(f"{buckets.PATH}.lease", after)
    peer.join(60)
    assert not peer.is_alive()
