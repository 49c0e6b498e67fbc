"""Rows of a split, found again in their file."""

import gzip

import numpy as np
import pytest

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import ROWS
from tests.sources.loading import write
from trainer.config import Config
from trainer.problem import mistakes
from trainer.problem.problems import settle
from trainer.sources import file_rows

# Of 20 rows the third has no label, and the fifth stands in two lines.
PARTS = ROWS.splitlines()
PARTS[2] = PARTS[2][:-1]
PARTS[4] = '4,"r\ned",a'
TEXT = HEADER + "\n".join(PARTS) + "\n"


def features(dataset, name):
    """Returns the column `size` of a split as it was read."""
    split = dataset.splits[name]
    x = split.x if split.rows is None else split.x[split.rows]
    assert dataset.encoding.columns[0].name == "size"
    return x[:, 0]


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_a_row_is_the_one_of_its_line(name, tmp_path):
    path = write(tmp_path, TEXT)
    dataset = load("files", path, validation_fraction=0.2)
    sizes = features(dataset, name)
    found = file_rows.find(dataset, name, range(len(sizes)))
    lines = TEXT.splitlines()
    for row, size in enumerate(sizes):
        assert float(found[row].cells["size"]) == size
        # Of the row in two lines, that in which it ends.
        shown = lines[found[row].line - (2 if size == 4 else 1)]
        assert shown.split(",")[0] == found[row].cells["size"]
        assert found[row].file == "data.csv"
    assert "" not in {each.cells["kind"] for each in found.values()}


def test_a_split_of_its_own_file_is_found_there(tmp_path):
    write(tmp_path, TEXT, "train.csv")
    write(tmp_path, HEADER + "7,red,a\n9,blue,b\n", "test.csv")
    dataset = load("files", tmp_path)
    found = file_rows.find(dataset, "test", [1])
    assert found == {
        1: ("test.csv", 3, {"size": "9", "colour": "blue", "kind": "b"})
    }


def test_a_packed_file_has_lines_too(tmp_path):
    path = write(tmp_path, gzip.compress(TEXT.encode()), "data.csv.gz")
    dataset = load("files", path)
    assert file_rows.find(dataset, "train", [0])[0].line > 1


def test_what_is_no_file_of_rows_has_none(tmp_path):
    assert file_rows.find(load("wine"), "test", [0]) == {}
    np.savez(tmp_path / "a.npz", x_train=np.eye(9), y_train=np.arange(9) % 2)
    assert file_rows.find(load("files", tmp_path), "test", [0]) == {}


def test_a_file_that_is_gone_or_large_is_let_be(tmp_path, monkeypatch):
    path = write(tmp_path, TEXT)
    dataset = load("files", path)
    monkeypatch.setattr(file_rows, "MOST_BYTES", 10)
    assert file_rows.find(dataset, "test", [0]) == {}
    path.unlink()
    assert file_rows.find(dataset, "test", [0]) == {}


class Steadfast:
    """A network that answers alike whatever it is asked."""

    parameters = 1

    def outputs(self, x):
        return np.full((len(x), 1), 0.9, np.float32)

    def attributions(self, x, place):
        return np.zeros_like(x)


def test_a_mistake_names_the_line_and_its_cells(tmp_path):
    text = HEADER + ROWS.replace("\n5,red", "\n5,r\x1bed", 1)
    dataset = load("files", write(tmp_path, text))
    problem, dataset = settle(Config(), dataset)
    outputs = np.full((dataset.splits["test"].examples, 1), 0.9, np.float32)
    looked = mistakes.look(problem, dataset, "test", outputs, Steadfast())
    found = looked["mistakes"]
    assert found
    for mistake in found:
        assert mistake["file"] == "data.csv"
        assert mistake["cells"]["kind"] == mistake["true"]
        line = text.split("\n")[mistake["line"] - 1]
        assert line.startswith(mistake["cells"]["size"])
        assert "\x1b" not in str(mistake["cells"])
