"""Labels as they are: which class each is, and which are refused."""

import numpy as np
import pytest

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.problem.problems import settle
from trainer.process.exits import UserError


@pytest.mark.parametrize(
    ("y", "problem", "names", "numbers"),
    [
        ([-1, 1, 1, -1], "binary", ("-1", "1"), [0, 1, 1, 0]),
        ([2, 1, 2], "binary", ("1", "2"), [1, 0, 1]),
        ([2001, 1999, 1999], "binary", ("1999", "2001"), [1, 0, 0]),
        ([0.0, 1.0, 1.0], "binary", (), [0, 1, 1]),
        ([308, 372, 330] * 2, "multiclass", ("308", "330", "372"), [0, 2, 1]),
        ([0.0, 2.0, 1.0] * 3, "multiclass", (), [0, 2, 1]),
        ([2, 0, 7] * 2, "multiclass", ("0", "2", "7"), [1, 0, 2]),
    ],
)
@pytest.mark.parametrize("dtype", [None, np.float16])
def test_classes_are_the_distinct_labels(y, problem, names, numbers, dtype):
    if dtype and max(y) > 1000:
        dtype = np.float32  # half precision holds no year
    settled, data = settle(Config(), dataset_of(np.array(y, dtype)))
    assert (settled.type, settled.class_names) == (problem, names)
    assert settled.outputs == (1 if problem == "binary" else len(set(y)))
    train = data.splits["train"].y
    assert train.dtype == np.int32
    assert train[: len(numbers)].tolist() == numbers


def test_splits_that_share_labels_share_their_numbers():
    data = dataset_of([5, 7, 5, 7])
    _, found = settle(Config(), data)
    shared = {id(split.y) for split in data.splits.values()}
    assert len({id(split.y) for split in found.splits.values()}) == len(shared)


@pytest.mark.parametrize(
    ("train", "test", "words"),
    [
        ([1, 2, 1], [1, 3], r"y_test\[1\] is '3', .*no training row.* 1, 2;"),
        ([4, 4, 4], [4], "single class, '4'"),
    ],
)
def test_a_class_that_training_rows_lack_is_named(train, test, words):
    data = dataset_of(train, test=np.array(test))
    with pytest.raises(UserError, match=words):
        settle(Config(), data)


@pytest.mark.parametrize("labels", [[False, True], [0, 1], [1.0, 0.0]])
def test_truth_and_its_numbers_are_the_same_classes(labels):
    for names in (("False", "True"), ()):
        earlier, _ = settle(Config(), dataset_of([0, 1, 1], names))
        y = np.array(labels)
        others = ("False", "True") if y.dtype == bool else ()
        data = dataset_of(y.astype(float), others)
        _, found = settle(Config(), data, earlier)
        assert found.splits["train"].y.tolist() == [int(v) for v in labels]


TRUTHS = [("FALSE", "TRUE"), ("false", "true"), ("False", "True")]


@pytest.mark.parametrize("theirs", TRUTHS)
@pytest.mark.parametrize("more", [(), ("unknown",)])
def test_truth_is_the_same_class_in_any_case(theirs, more):
    for ours in TRUTHS:
        data = dataset_of([0, 1, len(more)] * 2, (*ours, *more))
        earlier, _ = settle(Config(), data)
        _, found = settle(Config(), dataset_of([1, 0], theirs), earlier)
        assert found.splits["train"].y.tolist() == [1, 0]
    with pytest.raises(UserError, match="'Unknown', a class that the run does"):
        settle(Config(), dataset_of([0, 1], ("True", "Unknown")), earlier)


def test_labels_of_another_kind_are_met_by_name():
    earlier, _ = settle(Config(), dataset_of([10, 9, 10, 9]))
    data = dataset_of([0, 1], ("10", "9"))
    _, found = settle(Config(), data, earlier)
    assert found.splits["train"].y.tolist() == [1, 0]
    with pytest.raises(UserError, match="'8', a class that the run does not"):
        settle(Config(), dataset_of([9, 8]), earlier)
