"""What is read from a bucket, and what a user is told where it cannot be."""

import pathlib
import sys

import pytest

from tests.faults import bucket as buckets
from trainer.process.exits import UserError
from trainer.storage import bucket
from trainer.storage import staging

DATA = f"gs://{buckets.BUCKET}/data"


@pytest.fixture
def server(monkeypatch, tmp_path):
    with buckets.emulated(monkeypatch, tmp_path / "staging") as made:
        yield made


def test_without_the_client_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(UserError, match=r"-m pip install 'strata-mlp\[gcs\]'"):
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


HOSTILE = [
    "a//b",
    "a/{outside}/b",
    "a/{outside}//b",
    "/{outside}/b",
    "a/b\0c",
    "a/" + "x" * 256,
    "/".join(["y" * 200] * 10),
    "link/b",
    "file/b",
]


@buckets.needs_client
@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:20]))
def test_no_object_is_written_outside_of_its_folder(server, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_bytes(b"ours")
    server.put("data/x.npy", b"1")
    server.put("data/file", b"1")
    folder = pathlib.Path(staging.localize(DATA))
    (folder / "link").symlink_to(outside)
    server.put("data/" + name.format(outside=outside), b"theirs")
    with pytest.raises(UserError, match=r"cannot.* be .*; remove") as error:
        staging.localize(DATA)
    assert "\n" not in str(error.value)
    assert (outside / "b").read_bytes() == b"ours"
    assert [path.name for path in outside.iterdir()] == ["b"]


@buckets.needs_client
@pytest.mark.parametrize("name", ["../b", "a/../../b", "./b", ".."])
def test_a_name_that_begins_with_a_dot_is_left_out(server, tmp_path, name):
    server.put("data/x.npy", b"1")
    server.put(f"data/{name}", b"theirs")
    folder = pathlib.Path(staging.localize(DATA))
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert found == [folder / "x.npy"]


@buckets.needs_client
def test_a_link_in_a_files_place_is_replaced(server, tmp_path):
    server.put("data/x.npy", b"theirs")
    (tmp_path / "ours").write_bytes(b"ours")
    folder = pathlib.Path(staging.localize(DATA))
    (folder / "x.npy").unlink()
    (folder / "x.npy").symlink_to(tmp_path / "ours")
    staging.localize(DATA)
    assert (folder / "x.npy").read_bytes() == b"theirs"
    assert (tmp_path / "ours").read_bytes() == b"ours"


@buckets.needs_client
def test_names_that_differ_by_case_alone_are_told_where_they_clash(
    server, monkeypatch
):
    server.put("data/a.npy", b"1")
    server.put("data/A.npy", b"2")
    staging.localize(DATA)
    monkeypatch.setattr(staging, "_folds_case", lambda folder: True)
    with pytest.raises(UserError, match="cannot both be files"):
        staging.localize(DATA)


@buckets.needs_client
def test_a_file_may_become_a_folder_and_the_other_way_round(server):
    server.put("data/x/y", b"1")
    server.put("data/z", b"1")
    staging.localize(DATA)
    del server.objects["data/x/y"], server.objects["data/z"]
    server.put("data/x", b"2")
    server.put("data/z/y", b"2")
    folder = pathlib.Path(staging.localize(DATA))
    assert (folder / "x").read_bytes() == b"2"
    assert (folder / "z/y").read_bytes() == b"2"


def test_a_name_too_long_for_a_copy_is_a_mistake():
    with pytest.raises(UserError, match="too long"):
        staging.localize(f"gs://{buckets.BUCKET}/{'x' * 300}")


@buckets.needs_client
def test_as_many_connections_are_kept_as_threads_read(server):
    session = bucket.Folder(DATA)._session
    for scheme in ("https", "http"):
        adapter = session.get_adapter(f"{scheme}://storage.googleapis.com")
        assert adapter._pool_maxsize == bucket.STREAMS
