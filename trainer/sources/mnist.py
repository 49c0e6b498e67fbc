"""MNIST and Fashion-MNIST: from a folder, Keras's cache or the internet."""

import os
from pathlib import Path

from trainer.process.exits import UserError
from trainer.sources import npy
from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split
from trainer.sources.download import fetch
from trainer.sources.download import holds
from trainer.sources.folder import list_folder
from trainer.sources.idx import read_idx

BASE_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

# (split, array) -> the original file's name and number of dimensions.
FILES = {
    ("train", "x"): ("train-images-idx3-ubyte", 3),
    ("train", "y"): ("train-labels-idx1-ubyte", 1),
    ("test", "x"): ("t10k-images-idx3-ubyte", 3),
    ("test", "y"): ("t10k-labels-idx1-ubyte", 1),
}
FILE_NAMES = ", ".join(name for name, _ in FILES.values())
REMEDY = (
    f"put {FILE_NAMES}, raw or .gz, into a folder and give it by --data_dir"
)
MNIST_NPZ_SHA256 = (
    "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
)
# The number of items in each file, and the SHA-256 of its inflated content.
MNIST_ORIGINALS = {
    "train-images-idx3-ubyte": (
        60_000,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        60_000,
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        10_000,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        10_000,
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
# Of the .gz files, as Fashion-MNIST's makers publish them.
FASHION_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
DIGITS = tuple("0123456789")
GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load_mnist(data_dir: str | None) -> Dataset:
    """Returns MNIST: uint8 [60000, 28, 28] and [10000, 28, 28], ten classes.

    Args:
      data_dir: a folder of the four IDX files, raw or .gz. A file with as many
        items as the original's must be the original; any other number is
        taken for the user's own. None for Keras's cache, and failing that a
        download into it.

    Raises:
      UserError: where a file is missing or bad, or nothing can be downloaded.
    """
    if data_dir is None:
        splits = _read_cached_npz(_keras_datasets() / "mnist.npz")
    else:
        splits = _read_folder(data_dir, MNIST_ORIGINALS)
    return _dataset(
        "mnist",
        splits,
        DIGITS,
        "MNIST (Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0)",
    )


def load_fashion_mnist(data_dir: str | None) -> Dataset:
    """Returns Fashion-MNIST: shapes and dtypes as MNIST, ten garments.

    Args:
      data_dir: a folder of the four IDX files, raw or .gz; None for Keras's
        cache, and failing that a download into it. Checksums are those of the
        download: of other files, only the format is checked.

    Raises:
      UserError: where a file is missing or bad, or nothing can be downloaded.
    """
    if data_dir is None:
        folder = _keras_datasets() / "fashion-mnist"
        for name, md5 in FASHION_MD5.items():
            if not (folder / name).exists():
                _fetch(folder / name, "md5", md5)
        data_dir = str(folder)
    return _dataset(
        "fashion_mnist",
        _read_folder(data_dir, {}),
        GARMENTS,
        "Fashion-MNIST (H. Xiao, K. Rasul and R. Vollgraf 2017, Zalando SE,"
        " MIT licence)",
    )


def _dataset(
    name: str, splits: dict[str, Split], classes: tuple[str, ...], origin: str
) -> Dataset:
    # The user's own files may have other classes than the original's.
    greatest = max(int(split.y.max()) for split in splits.values())
    return Dataset(
        name=name,
        splits=splits,
        kind="image",
        largest=255.0,
        class_names=classes if greatest < len(classes) else (),
        origin=origin,
    )


def _keras_datasets() -> Path:
    """Where Keras keeps its data sets, by Keras's own rule."""
    home = os.path.expanduser("~")
    keras_home = os.environ.get("KERAS_HOME") or os.path.join(
        home if os.access(home, os.W_OK) else "/tmp", ".keras"
    )
    return Path(keras_home).expanduser() / "datasets"


def _fetch(path: Path, algorithm: str, checksum: str) -> None:
    fetch(
        BASE_URL + path.name,
        path,
        algorithm=algorithm,
        checksum=checksum,
        remedy=REMEDY,
    )


def _read_cached_npz(path: Path) -> dict[str, Split]:
    # Like Keras, a cached file that is not the original is fetched again.
    if not holds(path, "sha256", MNIST_NPZ_SHA256):
        _fetch(path, "sha256", MNIST_NPZ_SHA256)
    arrays = npy.read_npz(path, ("x_train", "y_train", "x_test", "y_test"))
    return {
        split: Split(arrays[f"x_{split}"], arrays[f"y_{split}"])
        for split in ("train", "test")
    }


def _read_folder(
    data_dir: str, originals: dict[str, tuple[int, str]]
) -> dict[str, Split]:
    paths = list_folder(data_dir)
    found = {
        key: _find(paths, data_dir, name) for key, (name, _) in FILES.items()
    }
    arrays = {
        key: read_idx(found[key], dimensions, originals.get(name))
        for key, (name, dimensions) in FILES.items()
    }
    return {
        split: Split(arrays[split, "x"], arrays[split, "y"])
        for split in ("train", "test")
    }


def _find(paths: dict[str, Path], data_dir: str, name: str) -> Path:
    """The file of that name, raw or .gz, with a dash or a dot before idx."""
    dotted = name.replace("-idx", ".idx")
    for spelling in (f"{name}.gz", name, f"{dotted}.gz", dotted):
        # Some copies come as a folder of the file's name with it inside.
        if spelling in paths and not paths[spelling].is_dir():
            return paths[spelling]
    raise UserError(
        f"--data_dir={data_dir} has no {name}, raw or .gz; it must hold"
        f" {FILE_NAMES}; put them there, or leave --data_dir out to download"
        " them"
    )
