"""Arrays are checked before they are trained on."""

import numpy as np
import pytest

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import save
from tests.sources.loading import write
from tests.sources.loading import X
from tests.sources.loading import Y
from trainer.sources import checks
from trainer.sources import Dataset
from trainer.sources import Split


def spoiled(**changes):
    arrays = {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y, **changes}
    splits = {
        name: Split(arrays[f"x_{name}"], arrays[f"y_{name}"])
        for name in ("train", "test")
    }
    return Dataset("made", splits, kind="table")


NAN = np.where(X == 7, np.nan, X)
INFINITE = np.where(X == 39, np.inf, X)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": X[:0], "y_train": Y[:0]}, "x_train has no rows"),
        ({"x_test": X[:0], "y_test": Y[:0]}, "x_test has no rows"),
        ({"y_test": Y[:19]}, "x_test has 20 rows and y_test has 19"),
        ({"x_train": X.astype(object)}, "ragged"),
        ({"x_train": X.astype(str)}, "x_train has dtype str"),
        ({"y_train": Y.astype("S1")}, "y_train has dtype bytes"),
        ({"x_train": X.astype(complex)}, "complex128"),
        ({"x_train": Y.astype("M8[s]")[:, None]}, "datetime64"),
        ({"x_train": X.astype(np.longdouble)}, "longdouble"),
        ({"x_train": X.astype(">f4")}, "byte order"),
        ({"x_train": X[:, 0]}, "reshape(-1, 1)"),
        ({"x_train": X[:, :0]}, "no features"),
        ({"x_train": X[0, 0]}, "shape ()"),
        ({"y_train": Y.reshape(20, 1, 1)}, "[rows, outputs]"),
        ({"y_train": Y.reshape(20, 1)[:, :0]}, "[rows, outputs]"),
        ({"x_test": X[:, :1]}, "x_test has rows of shape (1,)"),
        ({"x_test": X.astype(int)}, "x_test has dtype integer"),
        ({"y_test": Y[:, None]}, "y_test has rows of shape (1,)"),
        ({"y_test": Y.astype(np.uint8)}, "y_test has dtype uint8"),
        ({"x_train": NAN}, "x_train has nan in row 3"),
        ({"x_test": INFINITE}, "x_test has inf in row 19"),
        ({"y_train": NAN[:, 1], "y_test": X[:, 1]}, "y_train has nan in row 3"),
        ({"x_train": NAN.astype(np.float16)}, "x_train has nan in row 3"),
    ],
)
def test_bad_arrays_are_refused(changes, words):
    if "longdouble" in words:
        words = np.dtype(np.longdouble).name
    line = refusal(checks.check, spoiled(**changes))
    assert line.startswith("made: ") and words in line


def test_good_arrays_pass():
    checks.check(spoiled(x_test=X.astype(np.float64)))


def test_load_checks_what_it_loads(tmp_path):
    folder = save(tmp_path, "npz", x_train=NAN, y_train=Y)
    assert "mine: x_train has nan in row 3" in refusal(load, "files", folder)


def test_large_maps_are_scanned_in_part(monkeypatch):
    monkeypatch.setattr(checks, "BLOCK_BYTES", 16)
    assert "row 3" in refusal(checks.check, spoiled(x_train=NAN))
    # Ten blocks of two rows, of which three are read: 0, 4 and 9.
    monkeypatch.setattr(checks, "SCAN_BYTES", 48)
    checks.check(spoiled(x_train=NAN))
    assert "row 19" in refusal(checks.check, spoiled(x_train=INFINITE))


@pytest.mark.parametrize("heavy", [0, 1])
def test_weights_that_leave_nothing_to_learn_from_are_refused(tmp_path, heavy):
    held = load("files", write(tmp_path, HEADER + ROWS)).splits["test"].rows
    weights = np.arange(20) == held[0]
    weights[np.setdiff1d(np.arange(20), held)[0]] = heavy
    lines = zip((HEADER + ROWS).split(), ("w", *map(int, weights)), strict=True)
    text = "".join(f"{weight},{line}\n" for line, weight in lines)
    dataset = load("files", write(tmp_path, text), weight="w")
    if heavy:
        checks.check_weights(dataset, "w")
    else:
        line = refusal(checks.check_weights, dataset, "w")
        assert "column 'w' is config.data.weight and is 0 in all" in line
