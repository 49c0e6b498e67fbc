"""load and `strata predict`: the run's own numbers, from any file of rows."""

import csv
import gzip
import json
import re
import shutil
import signal
import struct
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests import processes
from tests.runs import held_out_rows
from tests.runs import OF_VALUES
from tests.runs import read_result
from tests.runs import rewrite
from tests.runs import TRAINED
from trainer import load
from trainer.finished import trained_run
from trainer.process.exits import UserError
from trainer.serving import csv_numbers
from trainer.serving import evaluate
from trainer.serving import export
from trainer.serving import predict
from trainer.serving import rows as serving_rows


@pytest.fixture(scope="module")
def digits(trained):
    return load(trained("multiclass"))


@pytest.fixture(scope="module")
def images(digits):
    return held_out_rows(digits.stored)[0]


@pytest.mark.parametrize("problem", TRAINED)
def test_the_trainers_score_follows_from_the_predictions(trained, problem):
    workdir = trained(problem)
    model = load(workdir)
    x, y = held_out_rows(model.stored)
    p = model.predict(x)
    assert model.problem == problem
    assert p.dtype == np.float32
    assert p.shape == (len(x), model.stored.problem.outputs)
    values = read_result(workdir)["evaluation"]["test"]
    if problem in OF_VALUES:
        error = abs(p[:, 0].astype(float) - y.reshape(-1)).mean()
        assert error == pytest.approx(values["mae"], rel=1e-5)
        with pytest.raises(UserError, match="has no classes"):
            model.classes(x)
        return
    right = (model.classes(x) == y).mean()
    name = "binary_accuracy" if problem == "multilabel" else "accuracy"
    assert right == pytest.approx(values[name], abs=1e-12)


def test_flat_rows_and_other_dtypes_are_the_same_rows(digits, images):
    p = digits.predict(images)
    for same in (
        images.reshape(len(images), -1),
        images.astype(np.int64),
        images.astype(np.float32),
        np.asfortranarray(images),
    ):
        np.testing.assert_array_equal(digits.predict(same), p)


def test_a_row_does_not_depend_on_its_neighbours(digits, images):
    p = digits.predict(images, batch_size=64)
    np.testing.assert_array_equal(
        digits.predict(images[100:], batch_size=64), p[100:]
    )
    np.testing.assert_allclose(
        digits.predict(images, batch_size=7), p, atol=1e-6
    )


@pytest.mark.parametrize("batch_size", [-1, 0, 2.5, True])
def test_a_batch_has_rows(digits, images, batch_size):
    with pytest.raises(UserError, match=r"batch_size=.* must be 1 or more"):
        digits.predict(images, batch_size=batch_size)


@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "")]
)
def test_a_batch_has_memory(digits, images, monkeypatch, error):
    def fail(block, batch_size):
        raise error

    monkeypatch.setattr(digits, "outputs_of", fail)
    with pytest.raises(UserError, match="batch_size=9 is more than there is"):
        digits.predict(images, batch_size=9)


def test_the_best_weights_are_the_default_where_the_config_selects(trained):
    workdir = trained("regression")
    best = read_result(workdir)["best_step"]
    assert trained_run.read(workdir).step == best
    assert trained_run.read(workdir, "best").step == best
    assert trained_run.read(workdir, str(best)).step == best
    assert load(workdir, checkpoint=best).stored.step == best
    last = trained_run.read(workdir, "last").step
    assert last == read_result(workdir)["step"]


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        ("best", "selects by no metric"),
        ("7", "is none of best, last and the steps 82"),
        ("newest", "is none of"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_told(trained, checkpoint, words):
    with pytest.raises(UserError, match=words):
        trained_run.read(trained("multiclass"), checkpoint)


def test_a_folder_that_is_no_run_is_told(tmp_path):
    with pytest.raises(UserError, match="holds no run"):
        trained_run.read(tmp_path)


def idx_bytes(array):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes()


def save_npz_of_several(path, x):
    np.savez_compressed(path, y=np.arange(3), x=x)


def save_csv(path, x, header=""):
    np.savetxt(
        path,
        x.reshape(len(x), -1),
        "%d",
        ",",
        header=header,
        comments="",
        encoding="utf-8-sig" if header else None,
    )


def frame_of(x):
    return pd.DataFrame(x.reshape(len(x), -1))


FILES = {
    "x.npy": np.save,
    "columns.npy": lambda path, x: np.save(path, np.asfortranarray(x)),
    "x.npz": np.savez,
    "columns.npz": lambda path, x: np.savez(path, np.asfortranarray(x)),
    "several.npz": save_npz_of_several,
    "bare.csv": save_csv,
    "headed.csv": lambda path, x: save_csv(path, x, "a" + ",b" * 63),
    "counted.csv": lambda path, x: frame_of(x).to_csv(path, index=False),
    "indexed.csv": lambda path, x: frame_of(x).to_csv(path),
    "images-idx3-ubyte": lambda path, x: path.write_bytes(idx_bytes(x)),
    "images-idx3-ubyte.gz": lambda path, x: path.write_bytes(
        gzip.compress(idx_bytes(x))
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_bits(
    tmp_path, digits, images, name, monkeypatch
):
    # So that a file takes several blocks.
    monkeypatch.setattr("trainer.serving.load.CHUNK_BATCHES", 2)
    FILES[name](tmp_path / name, images)
    output = tmp_path / "p.npy"
    flags = [f"--workdir={digits.stored.workdir.path}", f"--output={output}"]
    flags += [f"--input={tmp_path / name}", "--batch_size=50"]
    assert predict.main(flags) == 0
    p = np.load(output)
    assert p.dtype == np.float32
    np.testing.assert_array_equal(p, digits.predict(images, batch_size=50))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [name, "p.npy"]
    )


def test_several_inputs_keep_their_order(tmp_path, digits, images, capsys):
    np.save(tmp_path / "a.npy", images[:5])
    np.save(tmp_path / "b.npy", images[5:9])
    flags = [f"--workdir={digits.stored.workdir.path}", "--input"]
    files = [str(tmp_path / name) for name in ("b.npy", "a.npy")]
    assert predict.main([*flags, *files]) == 0
    head, *lines = csv.reader(capsys.readouterr().out.splitlines())
    assert head[:2] == ["class", "probability_0"]
    order = np.r_[5:9, 0:5]
    p = np.array([line[1:] for line in lines], np.float32)
    np.testing.assert_array_equal(p, digits.predict(images)[order])
    assert [int(line[0]) for line in lines] == digits.classes(images)[
        order
    ].tolist()


def test_a_precision_without_effect_is_no_part_of_the_answers(
    digits, tmp_path, capsys
):
    workdir = tmp_path / "run"
    shutil.copytree(digits.stored.workdir.path, workdir)
    rewrite(workdir / "config.json", {"precision": "tf32"})
    np.save(tmp_path / "x.npy", np.zeros((3, 8, 8), np.uint8))
    flags = [f"--workdir={workdir}", f"--input={tmp_path / 'x.npy'}"]
    assert predict.main(flags) == 0
    head, *lines = csv.reader(capsys.readouterr().out.splitlines())
    assert head[:2] == ["class", "probability_0"]
    assert len(lines) == 3


@pytest.mark.parametrize("problem", TRAINED)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_text_gives_each_float_back(trained, tmp_path, problem, kind):
    workdir = trained(problem)
    model = load(workdir)
    x = held_out_rows(model.stored)[0][:20]
    np.save(tmp_path / "x.npy", x)
    output = tmp_path / f"out.{kind}"
    flags = [f"--workdir={workdir}", f"--output={output}"]
    assert predict.main([*flags, f"--input={tmp_path / 'x.npy'}"]) == 0
    p = model.predict(x)
    text = output.read_text()
    if kind == "jsonl":
        rows = [json.loads(line) for line in text.splitlines()]
        key = "values" if problem in OF_VALUES else "probabilities"
        found = [row[key] for row in rows]
        classes = [row.get("class") for row in rows]
    else:
        _, *lines = csv.reader(text.splitlines())
        found = [line[-p.shape[1] :] for line in lines]
        classes = [line[0] for line in lines]
    np.testing.assert_array_equal(np.array(found, np.float32), p)
    if problem in ("binary", "multiclass"):
        assert classes == [model.labels[i] for i in model.classes(x)]


def test_marks_are_told_by_name(trained, tmp_path):
    workdir = trained("multilabel")
    model = load(workdir)
    x = held_out_rows(model.stored)[0][:20]
    np.save(tmp_path / "x.npy", x)
    flags = [f"--workdir={workdir}", f"--input={tmp_path / 'x.npy'}"]
    for name in ("out.csv", "out.jsonl"):
        assert predict.main([*flags, f"--output={tmp_path / name}"]) == 0
    head, *lines = csv.reader((tmp_path / "out.csv").read_text().splitlines())
    assert head[:4] == ["even", "closed loop", "more than four", "prime"]
    marks = model.classes(x)
    assert np.array([line[:4] for line in lines], int).tolist() == (
        marks.tolist()
    )
    rows = (tmp_path / "out.jsonl").read_text().splitlines()
    assert [json.loads(row)["labels"] for row in rows] == [
        [head[i] for i in np.flatnonzero(row)] for row in marks
    ]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_top_k_is_the_most_probable_first(digits, images, tmp_path, kind):
    np.save(tmp_path / "x.npy", images[:9])
    output = tmp_path / f"top.{kind}"
    flags = [f"--workdir={digits.stored.workdir.path}", "--top_k=3"]
    flags += [f"--input={tmp_path / 'x.npy'}", f"--output={output}"]
    assert predict.main(flags) == 0
    if kind == "csv":
        head, *lines = csv.reader(output.read_text().splitlines())
        assert head[:3] == ["class_1", "probability_1", "class_2"]
        found = [line[0::2] for line in lines]
    else:
        rows = map(json.loads, output.read_text().splitlines())
        found = [[best["class"] for best in row["top"]] for row in rows]
    best = np.argsort(-digits.predict(images[:9]), axis=1)[:, :3]
    assert np.array(found, int).tolist() == best.tolist()


def test_a_reader_that_has_enough_ends_it_as_cat(digits, images, tmp_path):
    np.save(tmp_path / "x.npy", np.tile(images, (100, 1, 1)))
    process = processes.start(
        "trainer",
        "predict",
        f"--workdir={digits.stored.workdir.path}",
        f"--input={tmp_path / 'x.npy'}",
    )
    assert process.stdout.readline().startswith("class,")
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGPIPE


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--input=none.npy"], "does not exist"),
        (["--input=."], "is not a regular file"),
        (["--input=x.npy", "--output=none/p.npy"], "cannot be written"),
        (["--input=x.npy", "--output=."], "--format="),
        (["--input=x.npy", "--output=x.npy"], "is an input"),
        (["--input=x.npy", "--output=p.txt"], "name the format"),
        (["--input=x.npy", "--format=npy"], "needs a file"),
        (["--input=x.npy", "--top_k=11"], "from 1 to 10"),
        (["--input=x.npy", "--top_k=0"], "from 1 to 10"),
        (["--input=x.npy", "--batch_size=0"], "must be 1 or more"),
        (["--input=x.npy", f"--batch_size={10**12}"], "be 8,388,608 or less"),
        (["--input=x.npy", "--array=x"], "is for .npz files"),
        (["--input=x.npy", "--format=npy", "--output=p", "--top_k=1"], "npy"),
        (["--input=flat.npy"], r"\(7,\); the run takes \[rows, 8, 8\]"),
        (["--input=wide.npy"], r"takes \[rows, 8, 8\] or \[rows, 64\]"),
        (["--input=empty.npy"], "has no rows"),
        (["--input=nan.npy"], "has nan in row 3"),
        (["--input=scaled.npy"], "has 0.5 in row 0; .*uint8, before any norm"),
        (["--input=negative.npy"], "has -1 in row 2"),
        (["--input=swapped.npy"], "another machine's byte order"),
        (["--input=text.npy"], "must be integers or floats"),
        (["--input=two.npz"], "holds a, b; say by --array"),
        (["--input=two.npz", "--array=c"], "say by --array"),
        (["--input=path.npz"], "a path and no array's name"),
        (["--input=empty.csv"], "has no rows"),
        (["--input=header.csv"], "has no rows"),
        (["--input=short.csv"], "line 2 is no row"),
        (["--input=word.csv"], "line 3 is no row .*must be 64 numbers"),
        (["--input=x.jpeg"], "are .npy, .npz, IDX and tables: .csv"),
        (["--input=x.npy", "--nonsense"], "see strata predict --help"),
        ([], "--input"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    digits, images, tmp_path, monkeypatch, capsys, flags, words
):
    monkeypatch.chdir(tmp_path)
    nan = images.astype(np.float32)
    nan[3, 2, 1] = np.nan
    negative = images.astype(int)
    negative[2] = -1
    row = ",".join("1" * 64)
    for name, array in {
        "x": images,
        "flat": images[0, 0, :7],
        "wide": np.zeros((3, 63)),
        "empty": images[:0],
        "nan": nan,
        "scaled": images * 0 + 0.5,
        "negative": negative,
        "swapped": images.astype(">i4"),
        "text": np.array([["a"]]),
    }.items():
        np.save(f"{name}.npy", array)
    np.savez("two.npz", a=images, b=images)
    np.savez("path.npz", **{"../../x": images})
    for name, text in {
        "empty.csv": "",
        "header.csv": "a,b\n",
        "short.csv": f"{row}\n1,2\n",
        "word.csv": f"a,b\n\n{row[:-1]}x\n",
        "x.jpeg": "JFIF",
    }.items():
        (tmp_path / name).write_text(text)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    workdir = digits.stored.workdir.path
    out = [] if any("--output" in f for f in flags) else ["--output=out.csv"]
    if "--format=npy" in flags and "--output=p" not in flags:
        out = []
    assert predict.main([f"--workdir={workdir}", *flags, *out]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1

    assert re.search(words, captured.err), captured.err
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_column_that_stands_twice_is_told(flowers, tmp_path, capsys):
    table = tmp_path / "rows.csv"
    table.write_text("size,colour,size\n2,red,900\n3,blue,\n")
    flags = [f"--workdir={flowers[0]}", f"--input={table}"]
    assert predict.main(flags) == 0
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 3
    words = "rows.csv has another column named 'size', which is not read"
    assert words in captured.err
    table.write_text("size,colour,more,more\n2,red,9,8\n")
    assert predict.main(flags) == 0
    assert "another column" not in capsys.readouterr().err


def test_a_table_is_read_by_its_columns_names(flowers, tmp_path, capsys):
    workdir, _ = flowers
    model = load(workdir)
    encoding = model.stored.encoding
    assert encoding.features[:2] == ("size", "size missing")
    new = tmp_path / "new.csv"
    flags = [f"--workdir={workdir}", f"--input={new}"]
    # Columns in another order, one more, and a colour that is new.
    new.write_text("id;colour;size\n1;red;0.5\n2;green;NA\n")
    assert predict.main(flags) == 0
    _, *lines = csv.reader(capsys.readouterr().out.splitlines())
    cells = {"colour": ["red", "green"], "size": ["0.5", "NA"]}
    p = model.predict(encoding.encode(cells))
    found = np.array([line[1:] for line in lines], np.float32)
    np.testing.assert_array_equal(found, p)
    new.write_text("id,size\n1,0.5\n")
    assert predict.main(flags) == 2
    assert "lacks the column 'colour'" in capsys.readouterr().err
    new.write_text("colour,size\nred,0.5\nred,tall\n")
    assert predict.main(flags) == 2
    assert "line 3, column 'size' has 'tall'" in capsys.readouterr().err


def test_a_table_is_served_from_its_cells(flowers, capsys):
    workdir, _ = flowers
    assert export.main([f"--workdir={workdir}"]) == 0
    assert "saved_model of cells: 120 rows compared" in capsys.readouterr().out
    served = tf.saved_model.load(str(workdir / "export" / "1"))
    assert served.columns().numpy().tolist() == [b"size", b"colour"]
    cells = [[" 0.5", "red, pale "], ["?", "None"], ["1e1", "green"]]
    found = served.signatures["table"](cells=tf.constant(cells))
    model = load(workdir)
    names = ("size", "colour")
    columns = dict(zip(names, zip(*cells, strict=True), strict=True))
    p = model.predict(model.stored.encoding.encode(columns))
    np.testing.assert_allclose(found["probabilities"], p, atol=1e-6)


def test_a_new_table_is_scored_by_the_runs_encoding(flowers, tmp_path, capsys):
    workdir, table = flowers
    head, *lines = table.read_text().splitlines()
    # Fewer colours, which would be other features by themselves.
    few = [line for line in lines if ",blue," not in line]
    (tmp_path / "few.csv").write_text("\n".join([head, *few]) + "\n")
    flags = [f"--data_dir={tmp_path / 'few.csv'}", "--split=all"]
    assert evaluate.main([f"--workdir={workdir}", *flags]) == 0
    text = capsys.readouterr().out
    assert f"all split, {len(few)} rows" in text
    assert "not the run's own data" in text


def test_arrays_are_no_data_of_a_run_on_a_table(flowers, tmp_path, capsys):
    workdir, _ = flowers
    width = load(workdir).stored.layout.features
    x = np.zeros((20, width), np.float32)
    np.savez(tmp_path / "own.npz", x_train=x, y_train=np.arange(20) % 2)
    flags = [f"--data_dir={tmp_path}", "--split=all"]
    assert evaluate.main([f"--workdir={workdir}", *flags]) == 2
    assert "score it on a table" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "below", "rows"),
    [
        ("0,1,2", "3,4,5", 2),
        ("0,1,2", "3,.5,5", 1),
        ("1;2;3", '"3.";4;5', 1),
        ("1,2,3,4", "3,4,5,6", 2),
        ("1,2,3,4", "3,4,5,6.5", 1),
        ("0,1,2,3", "3,4,5,6", 1),
        ("0,1", "0.5,1", 2),
        ("0,2,4", "0.5,1,1", 2),
    ],
)
def test_a_row_of_counts_is_a_header_above_others(
    tmp_path, header, below, rows
):
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\n{below}\n")
    (found,) = csv_numbers.blocks(path, header.count(header[1]) + 1, 10)
    assert len(found) == rows


def test_whole_numbers_of_a_table_that_float64_rounds_are_told(
    tmp_path, digits
):
    path = tmp_path / "t.csv"
    frame_of(np.full((1, 64), 2**60 + 1)).to_csv(path)
    with pytest.raises(UserError, match="a number that float64 does not round"):
        serving_rows.open_file(path, digits.stored.layout)


def test_whole_numbers_that_float64_rounds_are_no_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n{2**60},1\n{2**53},{2**60 + 1}\n")
    with pytest.raises(UserError, match=f"line 3 .*float64 rounds {2**60 + 1}"):
        list(csv_numbers.blocks(path, 2, 10))


def test_a_line_of_far_too_many_numbers_is_not_parted(tmp_path):
    path = tmp_path / "t.csv"
    for text in ("1," * 2**20, "1,2\n" + "1," * 2**20, "," + "1," * 2**20):
        path.write_text(text)
        tracemalloc.start()
        try:
            with pytest.raises(UserError, match=r"line . has 1,048,57\d cells"):
                csv_numbers.has_row_names(path, 2)
                list(csv_numbers.blocks(path, 2, 10))
            assert tracemalloc.get_traced_memory()[1] < 10 * len(text)
        finally:
            tracemalloc.stop()


def test_what_is_no_number_is_told_with_its_quotes_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("1,2\n3,x\n")
    with pytest.raises(UserError, match=r"'x' to float64\); each line"):
        list(csv_numbers.blocks(path, 2, 10))


def test_an_empty_line_among_single_numbers_is_no_row(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\nx\n1\n2\n\n")
    (rows,) = csv_numbers.blocks(path, 1, 10)
    assert rows.tolist() == [[1], [2]]
    path.write_text("x\n1\n\n2\n")
    with pytest.raises(UserError, match="line 3 is empty"):
        list(csv_numbers.blocks(path, 1, 10))
