"""What is read from a bucket, and what a user is told where it cannot be."""

import pathlib
import sys

import pytest

from tests.faults import bucket as buckets
from trainer.process.exits import UserError
from trainer.storage import staging


@pytest.fixture
def server(monkeypatch, tmp_path):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


def test_without_the_client_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(UserError, match="-m pip install google-cloud-storage"):
        staging.localize(buckets.NAME)


@buckets.needs_client
def test_rights_that_are_missing_are_a_mistake(server):
    server.refusing = 403
    with pytest.raises(UserError, match=r"may not be used .*not now"):
        staging.localize(buckets.NAME)


@buckets.needs_client
def test_another_bucket_is_a_mistake(server):
    with pytest.raises(UserError, match="there is no such bucket"):
        staging.localize("gs://nowhere/run")


@buckets.needs_client
def test_data_is_fetched_a_folder_or_a_file(server):
    server.put("data/a/x.npy", b"1")
    server.put("data/a.csv", b"2")
    folder = pathlib.Path(staging.localize(f"gs://{buckets.BUCKET}/data/a/"))
    assert (folder / "x.npy").read_bytes() == b"1"
    file = pathlib.Path(staging.localize(f"gs://{buckets.BUCKET}/data/a.csv"))
    assert file.read_bytes() == b"2"
    with pytest.raises(UserError, match="holds nothing"):
        staging.localize(f"gs://{buckets.BUCKET}/data/b")
