"""What is read from a bucket, and what a user is told where it cannot be."""

import pathlib
import sys

import pytest

from tests.faults import bucket as buckets
from trainer.process.exits import ClusterError
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


@pytest.fixture
def at_download(monkeypatch):
    """Has something happen once, before an object is fetched."""

    def set_up(happens, name):
        real, left = bucket.Folder.download, [happens]

        def download(folder, wanted, path):
            if wanted == name and left:
                left.pop()()
            real(folder, wanted, path)

        monkeypatch.setattr(bucket.Folder, "download", download)

    return set_up


def checkpoint(server, step):
    for name in ("manifest.json", "state.npz"):
        server.put(f"data/checkpoints/step_{step:08d}/{name}", b"%d" % step)


@buckets.needs_client
@pytest.mark.parametrize("name", ["manifest.json", "state.npz"])
def test_a_run_that_removes_a_checkpoint_meanwhile_is_listed_anew(
    server, at_download, name
):
    checkpoint(server, 5)

    def prune():
        checkpoint(server, 7)
        for gone in ("manifest.json", "state.npz"):
            del server.objects[f"data/checkpoints/step_00000005/{gone}"]

    at_download(prune, f"checkpoints/step_00000005/{name}")
    found = pathlib.Path(staging.localize(DATA), "checkpoints")
    assert [path.name for path in found.iterdir()] == ["step_00000007"]
    assert (found / "step_00000007/state.npz").read_bytes() == b"7"


@buckets.needs_client
def test_an_object_that_is_listed_and_never_there_is_told(server, monkeypatch):
    server.put("data/x.npy", b"1")
    listed = bucket.Folder(DATA).list()
    del server.objects["data/x.npy"]
    monkeypatch.setattr(bucket.Folder, "list", lambda folder: listed)
    with pytest.raises(ClusterError, match="lists what cannot be had"):
        staging.localize(DATA)


@buckets.needs_client
def test_a_file_that_is_removed_meanwhile_is_told(server, at_download):
    server.put("data", b"1")
    at_download(lambda: server.objects.clear(), "")
    with pytest.raises(UserError, match="holds nothing"):
        staging.localize(DATA)


@buckets.needs_client
def test_another_reader_may_be_first_to_clear_the_copy(server, monkeypatch):
    server.put("data/x.npy", b"1")
    server.put("data/y.npy", b"1")
    folder = pathlib.Path(staging.localize(DATA))
    del server.objects["data/x.npy"]
    real = staging.local_files

    def local_files(local):
        found = real(local)
        (folder / "x.npy").unlink()
        return found

    monkeypatch.setattr(staging, "local_files", local_files)
    staging.localize(DATA)
    assert [path.name for path in folder.iterdir()] == ["y.npy"]


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
