"""Which columns are read: those that the config names, or a refusal."""

import pytest

from tests.sources.loading import HEADER
from tests.sources.loading import load
from tests.sources.loading import refusal
from tests.sources.loading import ROWS
from tests.sources.loading import write


def test_target_and_ignored_columns_are_named_by_the_config(tmp_path):
    write(tmp_path, "y,id,a,b\n" + "0,x,1,2\n1,y,3,4\n" * 3)
    dataset = load("files", tmp_path, target="y", ignore=("id",))
    assert dataset.encoding.features == ("a", "b")
    assert dataset.splits["train"].y[:2].tolist() == [0, 1]
    # As the flag gives several, and the last column by default.
    dataset = load("files", tmp_path, ignore=("id,b",))
    assert (dataset.encoding.target, dataset.encoding.features) == ("a", ("y",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "knd"}, ("config.data.target='knd'", "mean 'kind'?")),
        ({"ignore": ("sise",)}, ("config.data.ignore='sise'", "mean 'size'?")),
        ({"target": "kind", "ignore": ("kind",)}, ("also in",)),
        ({"ignore": ("size", "colour")}, ("a label and one feature",)),
    ],
)
def test_columns_that_are_not_there_are_named(tmp_path, changes, words):
    write(tmp_path, HEADER + ROWS)
    line = refusal(load, "files", tmp_path, **changes)
    for word in words:
        assert word in line
