"""Arrays come back as written, and no stranger's file takes memory."""

import io
import resource
import zipfile

import numpy as np
import pytest

from trainer.storage.arrays import read_arrays
from trainer.storage.json_files import DamagedError

ARRAYS = {
    "model/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "step": np.array(3),
    "none": np.zeros((0, 4), np.int8),
}
MEMORY_BYTES = 256 * 2**20


def npy_of(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header_of(shape, dtype="<f8"):
    file = io.BytesIO()
    fields = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue()


@pytest.fixture
def little_memory():
    """Allows little more memory than the process has."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    now = pages * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def test_what_was_saved_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", **ARRAYS)  # type: ignore[arg-type]
    found = read_arrays(tmp_path / "a.npz")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array, strict=True)


def bomb(path):
    """Twice the memory that there is of zeros, in half a megabyte."""
    with (
        zipfile.ZipFile(
            path, "w", zipfile.ZIP_DEFLATED, compresslevel=1
        ) as archive,
        archive.open("x.npy", "w") as file,
    ):
        file.write(header_of((2 * MEMORY_BYTES // 8,)))
        for _ in range(2 * MEMORY_BYTES // 2**24):
            file.write(bytes(2**24))


def overlapping(path):
    """A thousand names for the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", npy_of(np.zeros(2**17)))
        info = archive.filelist[0]
        for number in range(1000):
            other = zipfile.ZipInfo(f"x{number}.npy")
            for name in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(other, name, getattr(info, name))
            archive.filelist.append(other)
        archive._didModify = True  # type: ignore[attr-defined]


def writes(name, data):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(name, data)

    return write


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (overlapping, "no room for"),
        (writes("x.npy", npy_of(np.array([{}, 1], object))), "no values of"),
        (writes("x.npy", header_of((2**40,))), "no values of"),
        (writes("x.npy", header_of((-1,))), "no values of"),
        (writes("x.npy", b"\\x93NUMPY\\x01\\x00"), "no .npz of numbers"),
        (writes("x.txt", b"hello"), "no .npz of numbers"),
        (lambda path: path.write_bytes(b"hello"), "no .npz of numbers"),
        (lambda path: np.savez_compressed(path, x=np.ones(9)), "compressed"),
        (bomb, "compressed"),
    ],
)
def test_a_strangers_file_is_refused(tmp_path, little_memory, make, words):
    make(tmp_path / "a.npz")
    with pytest.raises(DamagedError, match=words):
        read_arrays(tmp_path / "a.npz")
