"""Local files and folders: whole or absent, and on the disk before named."""

import errno
import hashlib
import os
import stat

import pytest

from trainer.storage.files import checksum
from trainer.storage.files import new_file
from trainer.storage.files import new_folder
from trainer.storage.files import write_atomically

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_written_whole_and_nothing_beside(tmp_path):
    path = tmp_path / "value.json"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["value.json"]


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_beside(
    fails, tmp_path, monkeypatch
):
    path = tmp_path / "value.json"
    path.write_bytes(b"first")

    def fail(*arguments):
        raise FULL

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["value.json"]


def test_a_writer_that_raises_leaves_the_old_file(tmp_path):
    path = tmp_path / "value"
    path.write_bytes(b"first")
    with pytest.raises(KeyboardInterrupt), new_file(path) as file:
        file.write(b"sec")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["value"]


def test_a_link_in_the_way_is_not_followed(tmp_path, monkeypatch):
    """As another user may put there, where the name is known beforehand."""
    (tmp_path / "theirs").write_bytes(b"theirs")
    monkeypatch.setattr(os, "urandom", lambda count: bytes(count))
    link = tmp_path / f".value.{bytes(4).hex()}"
    link.symlink_to(tmp_path / "theirs")
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "value", b"ours")
    (tmp_path / ".made").symlink_to(tmp_path, target_is_directory=True)
    with new_folder(tmp_path / "made") as aside:
        (aside / "theirs").write_bytes(b"ours")
    assert (tmp_path / "theirs").read_bytes() == b"theirs"


def test_a_secret_is_its_users_alone(tmp_path):
    write_atomically(tmp_path / "value", b"secret", mode=0o600)
    assert stat.S_IMODE((tmp_path / "value").stat().st_mode) == 0o600


def test_of_two_writers_at_once_the_last_one_counts(tmp_path):
    with new_file(tmp_path / "value") as first:
        first.write(b"first")
        with new_file(tmp_path / "value") as second:
            second.write(b"second")
    assert (tmp_path / "value").read_bytes() == b"first"


@pytest.fixture
def done(monkeypatch):
    """What was synced, and when a name was taken."""
    noted = []

    def note(function, words):
        real = getattr(os, function)

        def noting(*arguments, **named):
            noted.append(words(arguments[0]))
            return real(*arguments, **named)

        monkeypatch.setattr(os, function, noting)

    note(
        "fsync",
        lambda number: (
            "folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file"
        ),
    )
    for function in ("rename", "replace"):
        note(function, lambda path: "name")
    return noted


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, done):
    write_atomically(tmp_path / "value", b"value")
    assert done == ["file", "name", "folder"]


def test_all_in_a_folder_is_on_the_disk_before_it_takes_its_name(
    tmp_path, done
):
    with new_folder(tmp_path / "made") as aside:
        (aside / "inner").mkdir()
        (aside / "inner/value").write_bytes(b"value")
        assert done == []
    assert sorted(done[:3]) == ["file", "folder", "folder"]
    assert done[3:] == ["name", "folder"]


def test_a_folder_is_whole_or_absent(tmp_path):
    with pytest.raises(OSError, match="No space"):  # noqa: SIM117
        with new_folder(tmp_path / "made") as aside:
            (aside / "value").touch()
            assert not (tmp_path / "made").exists()
            raise FULL
    assert os.listdir(tmp_path) == []


def test_what_a_killed_process_left_of_a_folder_is_no_part_of_it(tmp_path):
    (tmp_path / ".made").mkdir()
    (tmp_path / ".made/old").touch()
    with new_folder(tmp_path / "made") as aside:
        (aside / "new").touch()
    assert os.listdir(tmp_path) == ["made"]
    assert os.listdir(tmp_path / "made") == ["new"]


def test_a_checksum_is_of_size_and_content(tmp_path):
    (tmp_path / "value").write_bytes(b"abc")
    assert checksum(tmp_path / "value") == {
        "bytes": 3,
        "sha256": hashlib.sha256(b"abc").hexdigest(),
    }


def test_a_file_system_whose_folders_take_no_fsync(tmp_path, monkeypatch):
    real = os.fsync

    def fsync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with new_folder(tmp_path / "made") as folder:
        write_atomically(folder / "value", b"first")
    assert (tmp_path / "made" / "value").read_bytes() == b"first"
