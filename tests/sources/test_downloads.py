"""MNIST and its like, from Keras's cache or a server of our own."""

import functools
import hashlib
import http.server

import numpy as np
import pytest

from tests.http_server import serving
from tests.sources.loading import CLASSES
from tests.sources.loading import IMAGES
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import write_idx
from trainer.sources import mnist


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serves what is in the folder it returns, and counts the requests."""
    folder = tmp_path / "served"
    write_idx(folder)
    np.savez(
        folder / "mnist.npz",
        x_train=IMAGES,
        y_train=CLASSES,
        x_test=IMAGES,
        y_test=CLASSES,
    )

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requests.append(self.path)

    requests: list[str] = []
    handler = functools.partial(Handler, directory=str(folder))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    sha256 = hashlib.sha256((folder / "mnist.npz").read_bytes())
    monkeypatch.setattr(mnist, "MNIST_NPZ_SHA256", sha256.hexdigest())
    md5 = {
        name: hashlib.md5((folder / name).read_bytes()).hexdigest()
        for name in mnist.FASHION_MD5
    }
    monkeypatch.setattr(mnist, "FASHION_MD5", md5)
    with serving(handler) as address:
        monkeypatch.setattr(mnist, "BASE_URL", f"{address}/")
        yield folder, requests


@pytest.mark.parametrize(
    ("source", "cached", "downloads"),
    [
        ("mnist", "mnist.npz", 1),
        ("fashion_mnist", "fashion-mnist/t10k-labels-idx1-ubyte.gz", 4),
    ],
)
def test_downloads_once(served, tmp_path, capsys, source, cached, downloads):
    _, requests = served
    for _ in range(2):
        dataset = load(source)
        np.testing.assert_array_equal(dataset.splits["test"].x, IMAGES)
    assert len(requests) == downloads
    path = tmp_path / "keras" / "datasets" / cached
    assert path.exists()
    assert not list(path.parent.glob(".*"))
    assert f"downloading {path.name}: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["mnist", "fashion_mnist"])
def test_a_bad_download_is_refused_and_not_kept(served, tmp_path, source):
    folder, _ = served
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes() + b"!")
    line = refusal(load, source)
    assert "wrong checksum" in line and mnist.REMEDY in line
    files = [p for p in (tmp_path / "keras").rglob("*") if p.is_file()]
    assert not files


def test_a_damaged_cache_is_fetched_again(served, tmp_path):
    path = tmp_path / "keras" / "datasets" / "mnist.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert load("mnist").splits["test"].examples == 6
    assert path.read_bytes() != b"damaged"


def test_no_network_says_which_files_to_put_where(served, monkeypatch):
    monkeypatch.setattr(mnist, "BASE_URL", "http://127.0.0.1:9/")
    for source in ("mnist", "fashion_mnist"):
        line = refusal(load, source)
        assert "cannot be downloaded" in line and "--data_dir" in line
        assert mnist.FILE_NAMES in line


def test_a_folder_given_is_all_that_is_looked_at(served, tmp_path):
    _, requests = served
    load("mnist")
    requests.clear()
    (tmp_path / "empty").mkdir()
    assert "has no train-images" in refusal(load, "mnist", tmp_path / "empty")
    assert not requests
