"""Which files are tables: one, one a split, or a refusal."""

import errno
import os

import numpy as np
import pytest

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write
from trainer import sources
from trainer.sources import streaming


def test_a_file_is_named_itself_or_by_its_folder(tmp_path):
    path = write(tmp_path, HEADER + ROWS, "trees.CSV")
    write(tmp_path, "notes", "notes.txt")
    by_folder, by_file = load("files", tmp_path), load("files", path)
    assert by_folder.name == by_file.name == "trees"
    assert sources.fingerprint(by_folder) == sources.fingerprint(by_file)
    assert by_file.folder == str(path)


def test_bad_folders_are_refused(tmp_path):
    write(tmp_path, HEADER + ROWS, "a.csv")
    write(tmp_path, HEADER + ROWS, "test.csv")
    assert "a.csv, test.csv and lacks train.csv" in refusal(
        load, "files", tmp_path
    )
    (tmp_path / "a.csv").rename(tmp_path / "train.csv")
    assert load("files", tmp_path).splits["test"].examples == 20
    np.save(tmp_path / "x_train.npy", np.eye(3))
    assert "tables or arrays, not both" in refusal(load, "files", tmp_path)
    assert "no.csv does not exist" in refusal(
        load, "files", tmp_path / "no.csv"
    )


@pytest.mark.parametrize("place", ["cat", "train/cat", "."])
def test_pictures_are_told_as_such(tmp_path, place):
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    write(tmp_path / place, "", "1.PNG")
    line = refusal(load, "files", tmp_path)
    assert "holds 1.PNG, and pictures are not read; save the pixels" in line


@pytest.mark.parametrize("name", ["val.csv", "Valid.tsv", "dev.csv.gz"])
def test_a_split_by_another_name_is_told(tmp_path, name):
    path = write(tmp_path, HEADER + ROWS, "train.csv")
    write(tmp_path, "", name)
    (note,) = load("files", tmp_path).notes
    assert f"train.csv: {name} beside it is not read" in note
    assert f"call it validation.{name.partition('.')[2]}" in note
    assert load("files", path).notes == ()
    write(tmp_path, HEADER + ROWS, "validation.csv")
    assert load("files", tmp_path).notes == ()


def test_what_stands_beside_a_table_in_a_bucket_is_not_looked_at(monkeypatch):
    beside = ["source.tar.gz", "meta.json"]
    monkeypatch.setattr(streaming, "_names", lambda _: [*beside, "train.csv"])
    assert streaming.open_arrays("gs://bucket/data") is None
    monkeypatch.setattr(streaming, "_names", lambda _: beside)
    line = refusal(streaming.open_arrays, "gs://bucket/data")
    assert "source.tar.gz is an archive, which is not read" in line


@pytest.mark.parametrize("call", ["listdir", "stat"])
@pytest.mark.parametrize("name", [None, "train-0.parquet"])
def test_a_folder_that_may_not_be_read_is_refused(
    tmp_path, monkeypatch, call, name
):
    write(tmp_path, HEADER + ROWS, name or "train.csv")
    # root may read all, and tests may be root's: the folder is asked as it is
    # listed, and as names in it are looked up.
    asked = {"listdir": str(tmp_path), "stat": os.path.join(tmp_path, ".")}
    plain = getattr(os, call)

    def denied(path, *words, **named):
        if str(path) == asked[call]:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return plain(path, *words, **named)

    monkeypatch.setattr(os, call, denied)
    line = refusal(load, "files", tmp_path)
    assert f"--data_dir={tmp_path} cannot be read (Permission denied)" in line


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "data.csv")
    assert "no regular file" in refusal(load, "files", tmp_path)


def test_a_pipe_and_a_device_are_to_be_written_to_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", tmp_path / "pipe"):
        line = refusal(load, "files", path)
        assert f"--data_dir={path} is a pipe or a device" in line
        assert "write what it holds to a file" in line
