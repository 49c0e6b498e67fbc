"""The tables of all splits are read as the training file says."""

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write


def test_splits_of_their_own_are_kept(tmp_path):
    for name, rows in (("train", 9), ("test", 4), ("validation", 3)):
        lines = ROWS.splitlines(keepends=True)[:rows]
        write(tmp_path, HEADER + "".join(lines), f"{name}.csv")
    dataset = load("files", tmp_path, validation_fraction=0.3)
    counts = {name: s.examples for name, s in dataset.splits.items()}
    assert counts == {"train": 9, "validation": 3, "test": 4}
    assert dataset.name == tmp_path.name


def test_columns_of_other_splits_are_found_by_name(tmp_path):
    write(tmp_path, "a,b,y\n1,2,0\n3,4,1\n", "train.csv")
    write(tmp_path, "y;more;b;a\n1;x;20;10\n", "test.csv")
    test = load("files", tmp_path).splits["test"]
    assert (test.x.tolist(), test.y.tolist()) == ([[10, 20]], [1])


def test_splits_that_do_not_fit_are_refused(tmp_path):
    write(tmp_path, "a,b,y\n1,2,0\n3,4,1\n", "train.csv")
    write(tmp_path, "a,y\n1,0\n", "test.csv")
    assert "test.csv lacks the column 'b'" in refusal(load, "files", tmp_path)
    write(tmp_path, "a,b,y\n1,x,0\n", "test.csv")
    line = refusal(load, "files", tmp_path)
    assert "test.csv: column 'b' has 'x' in line 2" in line
    assert "training rows have numbers" in line
