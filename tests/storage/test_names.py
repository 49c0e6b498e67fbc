"""Names of folders in a bucket, and of checkpoints."""

import os
import pathlib

import pytest

from trainer.process.exits import UserError
from trainer.storage.names import checkpoint_name
from trainer.storage.names import local_place
from trainer.storage.names import place
from trainer.storage.names import split_remote
from trainer.storage.names import step_of


@pytest.mark.parametrize(
    "name",
    [
        "gs://",
        "gs://bucket",
        "gs://bucket/",
        "gs://Bucket/run",
        "gs:///run",
        "gs://b/run",
        "gs://bucket/a//b",
        "gs://bucket/../b",
        "gs://bucket/./b",
        "gs://bucket/a*",
        "gs://bucket/a#1",
        "gs://bucket/a\nb",
    ],
)
def test_a_malformed_name_is_a_mistake(name):
    with pytest.raises(UserError, match="must be gs://BUCKET/PATH"):
        split_remote(name)


@pytest.mark.parametrize("step", [0, 7, 99_999_999, 100_000_000])
def test_a_checkpoints_name_tells_its_step(step):
    assert step_of(checkpoint_name(step)) == step


@pytest.mark.parametrize(
    "name", [".step_00000007", "step_7", "step_00000007.bak", "step_0000000x"]
)
def test_what_is_no_checkpoint_has_no_step(name):
    assert step_of(name) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("s3://bucket/run", "begins with s3://"),
        ("https://host/x.csv", "begins with https://"),
        (" hdfs://host/x", "begins with hdfs://"),
        ("GS://bucket/run", "begins with GS://"),
        ("abfss://a@b/c", "begins with abfss://"),
        ("file:///data/x.csv", "write /data/x.csv"),
        ("", "names no folder"),
        (" ", "names no folder"),
        ("~nobody-of-this-name/x", "no user nobody-of-this-name"),
    ],
)
def test_what_is_no_place_of_ours_is_refused(name, words):
    with pytest.raises(UserError) as refused:
        place(name)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_bucket_is_no_place_for_what_is_local():
    assert place("gs://bucket/run") == "gs://bucket/run"
    with pytest.raises(UserError, match="must be a path of this machine;"):
        local_place("gs://bucket/run")


def test_a_place_is_resolved_as_the_system_does(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "there" / "deep")
    monkeypatch.chdir(tmp_path)
    assert place("~/link/run") == f"{tmp_path}/link/run"
    found = pathlib.Path(place("link/../run"))
    assert found == tmp_path.resolve() / "there" / "run"
    os.mkdir("~odd")
    assert place("~odd") == "~odd"
    assert place(pathlib.Path("a/../b")) == f"{pathlib.Path.cwd()}/b"
    assert place("a[1] *?/run") == "a[1] *?/run"
