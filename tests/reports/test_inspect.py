"""`strata inspect`: what it finds, what it says, and what it refuses."""

import contextlib
import io
import json
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import processes
from tests.hostile import edited
from tests.hostile import EDITS
from tests.hostile import hostile_csv
from tests.hostile import npy_files
from trainer import __main__ as command
from trainer import flags as flags_lib
from trainer import sources
from trainer.configs import your_data
from trainer.reports import inspect as inspect_lib
from trainer.reports import sameness
from trainer.sources import Dataset
from trainer.sources import Split

MISTAKE = 2


def write(folder, text, name="data.csv"):
    path = folder / name
    path.write_text(text)
    return path


def inspect(path, *flags):
    """Runs the verb; returns (exit code, stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command.main(["inspect", str(path), *flags])
    return code, out.getvalue(), err.getvalue()


def found_in(path, *flags):
    code, out, err = inspect(path, *flags, "--format=json")
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)


def finding(found, word):
    (line,) = [line for line in found["findings"] if word in line]
    return line


def test_a_table_is_told_column_by_column(tmp_path):
    rows = "".join(
        f"{i},{i % 7 or ''},{('red', 'blue', 'NA')[i % 3]},5,{'ab'[i % 2]}\n"
        for i in range(60)
    )
    path = write(tmp_path, "id,size,colour,same,kind\n" + rows)
    found = found_in(path)
    columns = {column["name"]: column for column in found["columns"]}
    assert (found["problem"], found["target"]) == ("binary", "kind")
    assert found["rows"] == {"train": 38, "validation": 10, "test": 12}
    assert found["held_out"] == ["validation", "test"]
    size = columns["size"]
    assert (size["kind"], size["missing"]) == ("number", 9)
    assert (size["least"], size["greatest"]) == (1, 6)
    assert size["mean"] == pytest.approx(3.412, abs=0.001)
    assert columns["colour"]["counts"] == {"blue": 20, "red": 20}
    assert columns["colour"]["missing"] == 20
    assert {k: sum(v.values()) for k, v in found["labels"].items()} == {
        "a": 30,
        "b": 30,
    }
    assert "'same'" in finding(found, "the same in every row")
    assert "'id'" in finding(found, "rises by 1")
    assert "'size', 'colour'" in finding(found, "missing in places")


def test_the_text_names_all_of_it_in_80_columns(tmp_path):
    rows = "".join(f"{i * 0.5},{'ab'[i % 2]}\n" for i in range(60))
    path = write(tmp_path, "size,kind\n" + rows)
    code, out, err = inspect(path)
    assert (code, err) == (0, "")
    for words in (
        "data:    data, table, 60 rows, 1 feature",
        "rows:    train 38, validation 10 (held out), test 12 (held out)",
        "problem: binary; config: your_data",
        "size     number        -      0  14.75      29.5\n",
        "kind    2 texts        -  a, b",
        f"strata train --config=your_data --data_dir={path}",
    ):
        assert words in out
    *above, _ = out.splitlines()  # a command is as long as its path
    assert max(map(len, above)) <= 80


def test_a_terminal_is_not_driven_by_a_cell(tmp_path):
    rows = "".join(f"\x1b[2J{i % 3},{i}5,\x9b{i % 2}\n" for i in range(60))
    path = write(tmp_path, "a,b,kind\n" + rows)
    code, out, _ = inspect(path)
    assert code == 0
    assert r"\x1b[2J0" in out
    assert all(line.isprintable() for line in out.splitlines())


def test_duplicates_leaks_and_conflicts_are_counted(tmp_path):
    write(tmp_path, "a,b,y\n1,1,0\n1,1,0\n2,,1\n3,3,0\n3,3,1\n", "train.csv")
    write(tmp_path, "a,b,y\n1,1,0\n2,,0\n7,7,1\n7,7,1\n8,8,0\n", "test.csv")
    write(tmp_path, "a,b,y\n8,8,0\n9,9,1\n", "validation.csv")
    found = found_in(tmp_path)
    assert found["held_out"] == []
    assert found["duplicates"] == {"train": 2, "validation": 0, "test": 1}
    assert found["leaks"] == {
        "train, validation": 0,
        "train, test": 2,
        "validation, test": 1,
    }
    # The pair of 3, and 2 in both splits.
    assert found["conflicts"] == 4
    assert "2 rows of test are in train too" in finding(found, "in train too")
    assert finding(found, "another label").startswith("4 rows")


def test_columns_that_cannot_be_trained_on_are_left_out(tmp_path):
    rows = "".join(
        f"n{i},0{i % 9 + 1}/0{i % 7 + 1}/2024,{i % 5},,{i % 2}\n"
        for i in range(1200)
    )
    path = write(tmp_path, "who,a day,size,none,y\n" + rows)
    found = found_in(path)
    assert "no other training row has" in finding(found, "'who'")
    assert "begin with the day or the month" in finding(found, "'a day'")
    assert "has no value" in finding(found, "'none'")
    who = found["columns"][0]
    assert (who["problem"], who["left_out"][:10]) == (None, "has a text")
    words = shlex.split(found["command"])
    (ignore,) = [w for w in words if w.startswith("--config.data.ignore=")]
    assert ignore.endswith("=('a day', 'none')")
    # The command's words are what the trainer takes.
    assert words[:2] == ["strata", "train"]
    values, config = flags_lib.parse(words[2:])
    dataset = sources.load(
        config.data, seed=config.seed, data_dir=values.data_dir
    )
    assert dataset.encoding.features == ("size",)


@pytest.mark.parametrize("names", ["a", "a,b", "2020,True", "none,x y"])
def test_any_columns_name_reaches_the_trainer(tmp_path, names):
    header, bad = names, ",".join(["01/02/2024"] * len(names.split(",")))
    rows = "".join(f"{bad},{i % 9},{i % 2}\n" for i in range(40))
    path = write(tmp_path, f"{header},size,y\n{rows}")
    words = shlex.split(found_in(path)["command"])
    _, config = flags_lib.parse(words[2:])
    loaded = sources.load(config.data, seed=1, data_dir=str(path))
    assert loaded.encoding.features == ("size",)


def test_times_within_a_second_are_not_the_same(tmp_path):
    rows = "".join(
        f"2024-01-31T12:00:00.{i:03},2024-01-31T12:00:00,{'ab'[i % 2]}\n"
        for i in range(60)
    )
    path = write(tmp_path, "when,same,kind\n" + rows)
    when, same, _ = found_in(path)["columns"]
    assert (when["kind"], when["is_constant"]) == ("time", False)
    assert (same["kind"], same["is_constant"]) == ("time", True)


def test_times_are_told_by_their_ends(tmp_path):
    rows = "".join(f"{i + 1}.2.2024 {i}:30,{i % 2}\n" for i in range(20))
    found = found_in(write(tmp_path, "when,y\n" + rows))
    (when, _) = found["columns"]
    ends = ("2024-02-01T00:30:00", "2024-02-20T19:30:00")
    assert (when["kind"], when["least"], when["greatest"]) == ("time", *ends)
    assert "written as 31/01/2024" in finding(found, "read as")
    assert ends[1] in inspect(tmp_path)[1]


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_that_stands_for_none_is_told(tmp_path, day):
    days = [f"2024-01-{1 + i:02}" for i in range(20)]
    rows = "".join(f"{d},{i % 2}\n" for i, d in enumerate([*days, day]))
    found = found_in(write(tmp_path, "when,y\n" + rows))
    assert f"'when' has {day}T00:00:00" in finding(found, "no time")


def test_a_table_of_names_alone_is_told(tmp_path):
    rows = "".join(f"n{i},{i % 2}\n" for i in range(40))
    found = found_in(write(tmp_path, "who,y\n" + rows))
    assert "read_as=who=text" in finding(found, "no column is left")
    assert found["command"] is None


def test_an_unfit_label_leaves_the_columns(tmp_path):
    rows = "".join(f"{i % 3},{i % 5},n{i}\n" for i in range(1200))
    path = write(tmp_path, "size,height,who\n" + rows)
    found = found_in(path)
    assert found["command"] is None
    assert finding(found, "'who'").endswith(
        "; correct it, or name another by --target"
    )
    assert "train: not as it is" in inspect(path)[1]
    assert found_in(path, "--target=size")["problem"] == "multiclass"
    path = write(tmp_path, "y,day\n" + "1,2024-01-32\n0,2024-01-32\n" * 9)
    assert "no column is left" in finding(found_in(path, "--target=y"), "left")


def test_labels_that_training_refuses_are_told(tmp_path):
    path = write(tmp_path, "a,y\n" + "".join(f"{i},-1\n" for i in range(20)))
    found = found_in(path)
    assert found["command"] is None
    assert "single class, '-1'" in finding(found, "training refuses the labels")


def test_a_rare_class_is_told(tmp_path):
    rows = "".join(f"{i},{'rare' if i < 4 else 'often'}\n" for i in range(60))
    found = found_in(write(tmp_path, "a,y\n" + rows))
    assert "'rare': fewer than 10" in finding(found, "fewer than")


def test_arrays_of_a_table_are_told(tmp_path):
    x = np.arange(80, dtype=np.float32).reshape(40, 2)
    x[:, 1] = 3
    x[7, 0] = np.nan
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.linspace(0.1, 0.9, 40))
    found = found_in(tmp_path)
    assert (found["kind"], found["problem"]) == ("table", "regression")
    first, second = found["columns"]
    assert (first["missing"], first["least"], first["greatest"]) == (1, 0, 78)
    assert second["is_constant"]
    assert found["labels"]["greatest"] == pytest.approx(0.9)
    assert finding(found, "NaN or inf") == "'column 0': NaN or infinity"
    assert "x_train has nan in row 7" in finding(found, "training refuses")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_arrays_that_training_refuses_get_no_command(tmp_path, value):
    x = np.random.RandomState(0).rand(60, 4)
    y = (x[:, 0] > 0.5).astype(int)
    x[5, 0] = value
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
    found = found_in(tmp_path)
    assert found["command"] is None
    assert f"x_train has {value} in row 5" in finding(found, "refuses")
    assert "train: not as it is" in inspect(tmp_path)[1]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.inf, "y_train has inf in row 5"),
        (np.nan, "y_train has nan in row 5"),
        ("nan", "y_train[5] is 'nan', which stands for no value"),
    ],
)
def test_labels_of_arrays_that_training_refuses_are_told(
    tmp_path, label, words
):
    y = np.arange(90) % 2 * 1.0
    if isinstance(label, str):
        y = np.where(y, "oak", "ash")
    y[5] = label
    x = np.random.default_rng(0).random((90, 3))
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y)
    found = found_in(tmp_path)
    assert words in found["refusal"]
    assert found["command"] is None
    assert "train: not as it is" in inspect(tmp_path)[1]


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_whole_numbers_of_64_bits_are_told_apart(tmp_path, dtype):
    x = np.full((60, 2), np.iinfo(dtype).max - 100, dtype)
    x[:, 0] += np.arange(60, dtype=dtype)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.arange(60) % 2)
    found = found_in(tmp_path)
    assert [c["is_constant"] for c in found["columns"]] == [False, True]
    assert finding(found, "the same").startswith("'column 1': ")
    assert "varies by 59 around" in finding(found, "int64 first")


def test_images_are_told(tmp_path):
    images = np.zeros((30, 4, 4), np.uint8)
    images[:, 1, 1] = np.arange(30)
    images[:, 2, 2] = 255
    images[3] = 0
    np.save(tmp_path / "x_train.npy", images)
    np.save(tmp_path / "y_train.npy", np.arange(30) % 3)
    found = found_in(tmp_path)
    assert found["kind"] == "image"
    values = found["values"]
    assert (values["least"], values["greatest"]) == (0, 255)
    assert (values["constant_pixels"], values["blank_images"]) == (14, 1)
    assert "of uint8 4 x 4" in inspect(tmp_path)[1]


def test_mnist_is_known(mnist_dir):
    found = found_in(mnist_dir)
    assert found["rows"] == {"train": 60_000, "test": 10_000}
    assert found["labels"]["7"] == {"train": 6_265, "test": 1_028}
    assert (found["config"], found["problem"]) == ("mnist", "multiclass")
    assert found["leaks"] == {"train, test": 0}
    assert found["findings"] == []


def test_the_splits_are_those_of_the_config():
    assert your_data.get_config().data == inspect_lib.YOUR_DATA
    assert your_data.get_config().seed == inspect_lib.Config.seed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "DATA is missing"),
        (["{here}/no"], "does not exist"),
        (["{here}"], "no .npz, no .npy and no .csv"),
        (["{here}", "--format=xml"], "invalid choice: 'xml'"),
        (["{here}", "--targt=y"], "--targt=y"),
        (["{here}/arrays", "--target=y"], "--target=y names a table"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, arguments, words):
    (tmp_path / "arrays").mkdir()
    np.savez(
        tmp_path / "arrays" / "a.npz", x_train=np.eye(4), y_train=np.arange(4)
    )
    words_of = [word.format(here=tmp_path) for word in arguments]
    assert command.main(["inspect", *words_of]) == MISTAKE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("strata: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_help_comes_at_once():
    started = time.perf_counter()
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from trainer import __main__ as c\n"
            "try: c.main(['inspect', '--help'])\n"
            "finally: print({'numpy', 'tensorflow'} & set(sys.modules))",
        ],
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "set()", done.stderr
    assert time.perf_counter() - started < 5


def of_rows(train, test, y_train, y_test):
    splits = {"train": Split(train, y_train), "test": Split(test, y_test)}
    return Dataset("made", splits, kind="table")


CELLS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 0.5])


@given(
    st.sampled_from([np.float64, np.float32, np.int8]),
    st.integers(1, 3),
    st.lists(st.tuples(CELLS, CELLS, CELLS, st.booleans()), min_size=2),
    st.integers(1, 100),
)
def test_rows_are_compared_as_by_hand(dtype, width, rows, cut):
    x = np.array([row[:width] for row in rows]).astype(dtype)
    y = np.array([row[3] for row in rows], np.int64)
    cut = 1 + cut % (len(rows) - 1) if len(rows) > 1 else 1
    got = sameness.compare(of_rows(x[:cut], x[cut:], y[:cut], y[cut:]))
    keys = [tuple(row) for row in (x + 0).tolist()]
    train, test = keys[:cut], keys[cut:]
    labels = {}
    for key, label in zip(keys, y.tolist(), strict=True):
        labels.setdefault(key, set()).add(label)
    assert got == {
        "duplicates": {
            "train": len(train) - len(set(train)),
            "test": len(test) - len(set(test)),
        },
        "leaks": {"train, test": sum(key in set(train) for key in test)},
        "conflicts": sum(len(labels[key]) > 1 for key in keys),
    }


def test_rows_that_differ_in_a_bit_or_their_order_have_other_hashes():
    rows = np.zeros((64 * 3 + 1, 24), np.uint8)
    for bit in range(64 * 3):
        rows[bit + 1, bit // 8] = 1 << bit % 8
    assert len(np.unique(sameness.hash_rows(rows))) == len(rows)
    signs = np.array([[1.0, 2], [-1.0, 2], [1.0, -2], [-1.0, -2], [2.0, 1]])
    assert len(np.unique(sameness.hash_rows(signs))) == 5


def test_hashes_do_not_depend_on_the_block(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(100, 3))
    whole = sameness.hash_rows(rows)
    monkeypatch.setattr(sameness, "BLOCK_BYTES", 100)
    np.testing.assert_array_equal(sameness.hash_rows(rows), whole)


def check_told(path, *flags):
    """The verb ends well, or with one line and nothing on stdout."""
    for form in ("table", "json"):
        code, out, err = inspect(path, *flags, f"--format={form}")
        if code == MISTAKE:
            assert out == ""
            assert err.startswith("strata: ")
            assert err.count("\n") == 1
        else:
            assert (code, err) == (0, "")
            assert "\x1b" not in out
            if form == "json":
                json.loads(out, parse_constant=pytest.fail)


@pytest.mark.fuzz
@given(hostile_csv(), st.sampled_from(["", "--target=c0", "--target=\x1b"]))
def test_hostile_tables_are_told_or_refused(tmp_path_factory, content, flag):
    path = tmp_path_factory.mktemp("hostile") / "data.csv"
    path.write_bytes(content)
    check_told(path, *filter(None, [flag]))


@pytest.mark.fuzz
# NumPy's note on a header that Python 2 could have written.
@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")
@given(npy_files(), npy_files(), EDITS)
def test_hostile_arrays_are_told_or_refused(tmp_path_factory, x, y, edits):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "x_train.npy").write_bytes(edited(x, edits))
    (folder / "y_train.npy").write_bytes(y)
    check_told(folder)


@pytest.mark.fuzz
@given(
    st.binary(max_size=300),
    st.sampled_from(
        ["a.npz", "x_train.npy", "train-images-idx3-ubyte", "a.tsv"]
    ),
)
def test_any_bytes_are_told_or_refused(tmp_path_factory, content, name):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / name).write_bytes(content)
    check_told(folder)


@pytest.mark.fuzz
@given(st.text(max_size=30))
def test_any_path_is_told_or_refused(name):
    check_told("--" + name if name.startswith("-") else "no such/" + name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x\n1\n2\n", "has the columns x to train on"),
        ("a:b:y\n1:2:0\n3:4:1\n", "part columns by comma"),
        (",a,y\n1,3,0.5\n", "1 training row to take the test split from"),
    ],
)
def test_a_table_that_is_too_small_is_told_all_the_same(tmp_path, text, words):
    found = found_in(write(tmp_path, text))
    assert found["command"] is None
    assert found["columns"]
    assert finding(found, words)


def test_what_was_made_of_a_file_is_told_first(tmp_path):
    rows = "".join(f"{i},{i % 7},{i % 5},{('', 'a', 'b')[i % 3]}\n"
                   for i in range(60))  # fmt: skip
    found = found_in(write(tmp_path, ",a,a,y\n" + rows))
    assert found["unlabelled"] == {"train": 20}
    assert sum(found["rows"].values()) == 40
    assert [column["name"] for column in found["columns"]] == ["a", "a.1", "y"]
    assert found["findings"][:3] == found["notes"]
    assert len(found["notes"]) == 3


def test_numbers_of_rows_are_left_out_by_the_command(tmp_path):
    rows = "".join(
        f"{i + 1},{(i * 37) % 61 * 7},{i // 5},{i % 7},{'ab'[i % 2]}\n"
        for i in range(60)
    )
    path = write(tmp_path, "row,customer_id,patient_id,size,kind\n" + rows)
    found = found_in(path)
    assert found["command"].endswith("--config.data.ignore=row,customer_id")
    assert "'customer_id'" in finding(found, "in each row, an id")
    assert "'row', 'customer_id'" in finding(found, "left out by the command")
    told = finding(found, "an id that rows share")
    assert told.endswith("--config.data.group=patient_id")


@pytest.mark.parametrize("name", ["patient id", "$(touch x)", "it's; `x`!"])
def test_a_finding_names_a_column_as_a_shell_takes_it(tmp_path, name):
    rows = "".join(f"{i // 5},{i % 7},{'ab'[i % 2]}\n" for i in range(60))
    path = write(tmp_path, f'"{name}_id",size,kind\n' + rows)
    told = finding(found_in(path), "an id that rows share")
    _, word = told.split(" split by ")
    assert shlex.split(word) == [f"--config.data.group={name}_id"]


def test_the_only_column_is_not_left_out(tmp_path):
    rows = "".join(f"{i + 1},{'ab'[i % 2]}\n" for i in range(60))
    found = found_in(write(tmp_path, "row,kind\n" + rows))
    assert "ignore" not in found["command"]


@pytest.mark.parametrize(
    ("offset", "dtype", "words"),
    [
        (1.7e9, np.float64, "varies by 59 around 1,700,000,059, too little"),
        (1.7e9 + 30, np.float32, "float32 is too coarse for"),
        (1e17, np.float64, "float64 is too coarse for"),
        (2**40, np.int64, "mean off in int64"),
        (2000, np.float32, None),
        (60_000, np.uint16, None),
    ],
)
def test_a_spread_that_is_lost_is_told(tmp_path, offset, dtype, words):
    x = (np.arange(120)[:, None] % 60 + np.asarray(offset)).astype(dtype)
    np.savez(tmp_path / "a.npz", x_train=x, y_train=np.arange(120) % 2)
    told = [f for f in found_in(tmp_path)["findings"] if "column 0" in f]
    assert [words in line for line in told] == [True] * bool(words)


def test_a_column_that_gives_the_answer_away_is_named(tmp_path):
    random = np.random.RandomState(0)
    y = random.randint(2, size=200)
    x = y[:, None] + random.randn(200, 3)
    code = np.where(y, "paid", "open")
    rows = "".join(
        f"{a:.2f},{b:.2f},{c:.2f},{told},{'ab'[kind]}\n"
        for (a, b, c), told, kind in zip(x, code, y, strict=True)
    )
    found = found_in(write(tmp_path, "a,b,c,status,kind\n" + rows))
    (suspect,) = found["suspects"]
    assert suspect["name"] == "status"
    assert "'status' alone scores 1.000" in finding(found, "a suspect")
