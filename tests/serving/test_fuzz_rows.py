"""Hostile files for predict and evaluate: one line, code 2, nothing written.

`make fuzz N=…` runs N examples of each test. The network is left out, and with
it TensorFlow: what is tried is all that reads a file or writes one.
"""

import contextlib
import gzip
import io
import json
import pathlib
import struct
import tempfile
import tracemalloc
import zipfile
from unittest import mock

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.hostile import edited
from tests.hostile import EDITS
from tests.hostile import npy_files
from tests.hostile import npy_of
from tests.hostile import ROWS
from tests.hostile import SHAPE
from trainer.config import Config
from trainer.config import DataConfig
from trainer.finished.trained_run import TrainedRun
from trainer.problem.multiclass import Multiclass
from trainer.serving import evaluate
from trainer.serving import predict
from trainer.tables.category_column import CategoryColumn
from trainer.tables.encoding import Encoding
from trainer.tables.number_column import NumberColumn
from trainer.workdir.folder import Workdir

pytestmark = pytest.mark.fuzz

MOST_BYTES = 64 * 2**20
MISTAKE = 2

NAMES = st.sampled_from(
    [
        "x.npy", "x.npy", "y.npy", "../x.npy", "/etc/x.npy", "a/b.npy",
        "..\\x.npy", "\x1b[2Jx.npy", "x\n.npy", "C:x.npy", ".npy", "x", "..npy",
    ]
)  # fmt: skip


@st.composite
def npz_files(draw):
    """A zip of such files, under any names, harmed or not."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name in draw(st.lists(NAMES, max_size=3, unique=True)):
            kind = draw(
                st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
            )
            archive.writestr(zipfile.ZipInfo(name), draw(npy_files()), kind)
    return edited(held.getvalue(), draw(EDITS))


@st.composite
def idx_files(draw):
    """An IDX file whose sizes may say anything."""
    sizes = draw(
        st.one_of(
            st.just((4, 2, 3)),
            st.lists(st.integers(0, 2**32 - 1), max_size=5).map(tuple),
        )
    )
    magic = draw(st.sampled_from([b"\0\0\x08", b"\0\0\x0d", b"\x08\0\0"]))
    header = magic + bytes((draw(st.just(len(sizes)) | st.integers(0, 255)),))
    header += struct.pack(f">{len(sizes)}I", *sizes)
    return edited(header + ROWS.tobytes(), draw(EDITS))


CELLS = st.one_of(
    st.integers(0, 255).map(str),
    st.sampled_from(
        ["", " ", "nan", "inf", "-1", "1e999", "0x10", "1_0", '"3"', '"', "٣",
         "3.5", "a", "\0", "\ufeff", "=cmd()", "1" * 400, "'"]
    ),
)  # fmt: skip


@st.composite
def csv_files(draw):
    """Lines of cells, most of them numbers, and some bytes that are no text."""
    parts = draw(st.sampled_from([",", ";", "\t", "|", ",,", " "]))
    good = parts.join("123456")
    lines = draw(
        st.lists(
            st.one_of(
                st.just(good),
                st.lists(CELLS, min_size=4, max_size=7).map(parts.join),
            ),
            max_size=6,
        )
    )
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
    content = end.join(lines).encode("utf-8", "surrogatepass")
    return edited(content, draw(EDITS)) if draw(st.booleans()) else content


class Network:
    """Stands for the network: reads all rows, and says 0 or 1 of each."""

    def __init__(self, stored):
        self._layout = stored.layout

    def predict_blocks(self, table, *, batch_size=None, look=id):
        for block in table.blocks(3):
            look(block)
            assert block.shape[1:] == self._layout.shape
            assert block.dtype == self._layout.dtype
            assert np.isfinite(block).all()
            first = block.reshape(len(block), -1)[:, 0]
            yield np.eye(2, dtype=np.float32)[(first > 2).astype(int)]


def a_run(folder):
    """A run of rows of uint8 [2, 3] in two classes, on a folder of arrays."""
    problem = Multiclass(
        "multiclass", "softmax", "categorical_crossentropy", ("accuracy",), 2,
        True, ("no", "yes"),
    )  # fmt: skip
    data = {
        "x": {"dtype": "uint8", "shape": list(SHAPE)},
        "folder": str(folder),
        "fingerprint": "",
    }
    config = Config(epochs=1, data=DataConfig(source="files"))
    return TrainedRun(
        "run", Workdir(str(folder)), config, {"data": data}, problem,
        None, pathlib.Path("step_00000001"), {},
    )  # fmt: skip


@contextlib.contextmanager
def told():
    """Collects what a verb prints, and holds its memory."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    errors = io.StringIO()
    tracemalloc.start()
    try:
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(errors),
        ):
            yield errors
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def check_told(code, errors):
    """A mistake is one line that a terminal shows as it is."""
    assert code in (0, MISTAKE)
    lines = errors.getvalue().splitlines()
    assert len(lines) == (code == MISTAKE)
    assert "\x1b" not in errors.getvalue()


def a_table_run(folder):
    """A run of a table of a number and a text."""
    columns = (
        NumberColumn("size", True, 1.5),
        CategoryColumn("colour", False, ("blue", "red")),
    )
    encoding = Encoding(columns, "kind", True)
    run = a_run(folder)
    x = {"dtype": "float32", "shape": [len(encoding.features)]}
    run.record["data"] |= {"x": x, "encoding": encoding.to_json()}
    return run


def check_predict(name, content, make_run=a_run):
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        (here / name).write_bytes(content)
        load = mock.Mock(TrainedModel=Network)
        with (
            mock.patch.dict("sys.modules", {"trainer.serving.load": load}),
            mock.patch("trainer.devices.start.eased", contextlib.nullcontext),
            mock.patch(
                "trainer.finished.trained_run.read", lambda *_: make_run(here)
            ),
            told() as errors,
        ):
            code = predict.main(
                [
                    "--workdir=run",
                    f"--input={here / name}",
                    f"--output={here / 'out.jsonl'}",
                ]
            )
        check_told(code, errors)
        there = {path.name for path in here.iterdir()}
        assert there == ({name} if code else {name, "out.jsonl"})
        if not code:
            lines = (here / "out.jsonl").read_text().splitlines()
            assert lines
            assert all(
                json.loads(line)["class"] in ("no", "yes") for line in lines
            )


def npy_that_says(shape):
    header = f"{{'descr': '|u1', 'fortran_order': True, 'shape': {shape}}}\n"
    size = struct.pack("<H", len(header))
    return b"\x93NUMPY\x01\x00" + size + header.encode()


@given(npy_files())
@example(npy_that_says("(4L, 2)"))  # as Python 2 wrote it
@example(npy_that_says("(0, True)"))
@example(npy_that_says(f"(0, {2**70})"))
def test_npy(content):
    check_predict("x.npy", content)


@given(npz_files())
def test_npz(content):
    check_predict("x.npz", content)


@given(idx_files())
def test_idx(content):
    check_predict("rows-idx3-ubyte", content)


@given(idx_files(), EDITS)
def test_idx_in_gzip(content, edits):
    check_predict("rows.gz", edited(gzip.compress(content, 1), edits))


@given(csv_files())
def test_csv(content):
    check_predict("x.csv", content)


TABLE_CELLS = st.one_of(
    CELLS,
    st.sampled_from(["size", "colour", "kind", "red", "blue", "NA", "3,5"]),
)
HEADERS = st.sampled_from(
    ["size,colour\n", "kind;colour;size\n", "size,size\n", "size\n", ""]
)


@given(
    st.lists(
        st.lists(TABLE_CELLS, min_size=1, max_size=4).map(",".join), max_size=5
    ),
    HEADERS,
    EDITS,
)
def test_csv_of_a_table(lines, header, edits):
    content = (header + "\n".join(lines)).encode("utf-8", "surrogatepass")
    check_predict("x.csv", edited(content, edits), a_table_run)


@given(st.sampled_from(["x.npy", "x.npz", "x.csv", "x"]), st.binary())
def test_anything(name, content):
    check_predict(name, content)


def check_evaluate(files):
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        (here / "data").mkdir()
        for name, content in files.items():
            (here / "data" / name).write_bytes(content)
        run = a_run(here / "data")
        with (
            mock.patch("trainer.finished.trained_run.read", lambda *_: run),
            mock.patch.object(evaluate, "_score", lambda *_: {}),
            mock.patch.object(
                evaluate.evaluation_text, "of_evaluation", lambda _: ""
            ),
            told() as errors,
        ):
            flags = ["--workdir=run", "--split=all"]
            code = evaluate.main([*flags, f"--output={here / 'out.json'}"])
        check_told(code, errors)
        assert (here / "out.json").exists() == (code == 0)


@given(npy_files(), npy_files())
def test_data_in_npy(x, y):
    check_evaluate({"x_train.npy": x, "y_train.npy": y})


@given(npy_files(), st.sampled_from(["x_train", "../x_train", "y_train"]))
def test_data_in_npz(content, name):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("y_train.npy", npy_of(np.arange(4) % 2))
        archive.writestr("x_train.npy", npy_of(ROWS))
        if name not in ("x_train", "y_train"):
            archive.writestr(f"{name}.npy", content)
    check_evaluate({"data.npz": held.getvalue()})


@pytest.mark.parametrize("name", ["x.npz", "x.gz"])
def test_a_bomb_is_refused_at_its_header(name, monkeypatch):
    # 64 MiB of zeros in 64 KiB, in a reader that takes 1 MiB.
    monkeypatch.setattr("trainer.sources.npy.MAX_NPZ_BYTES", 2**20)
    monkeypatch.setattr("trainer.sources.idx.MAX_BYTES", 2**20)
    rows = 2**26 // 6
    held = io.BytesIO()
    if name == "x.npz":
        with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", npy_of(np.zeros((rows, 6), np.uint8)))
    else:
        header = b"\0\0\x08\x02" + struct.pack(">2I", rows, 6)
        held.write(gzip.compress(header + bytes(6 * rows), 1))
    check_predict(name, held.getvalue())


@settings(max_examples=20)
@given(st.integers(1, 200))
def test_a_gzip_longer_than_its_header_is_refused(more):
    content = b"\0\0\x08\x02" + struct.pack(">2I", 4, 6) + ROWS.tobytes()
    check_predict("x.gz", gzip.compress(content + bytes(more)))
