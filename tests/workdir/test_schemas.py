"""What a file of a workdir may not hold, beyond the type of each value."""

import pytest

from trainer.storage.json_files import check
from trainer.storage.json_files import DamagedError
from trainer.workdir import schemas
from trainer.workdir.schemas import SCHEMAS

DETAIL = {"step": 1, "split": "test", "intervals": {}, "mistakes": []}


PROBLEM = {
    "type": "binary",
    "activation": "sigmoid",
    "loss": "binary_crossentropy",
    "metrics": ["accuracy"],
    "outputs": 1,
    "one_hot": False,
    "class_names": [],
}
DATA = {
    "name": "iris",
    "origin": "a file",
    "folder": None,
    "fingerprint": "",
    "examples": {"train": 9},
    "kind": "table",
    "x": {"dtype": "float32", "shape": [4]},
    "problem": PROBLEM,
    "encoding": None,
}
BINS = {"name": "age", "start": 0, "words": [], "marks_missing": False}


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        (
            schemas.Ranges,
            {"least": [0.0], "greatest": []},
            "`least` must be as long as `greatest`",
        ),
        (
            schemas.Problem,
            PROBLEM | {"class_weights": [1.0, 2.0, 3.0]},
            "`class_weights` must have one of each class",
        ),
        (schemas.Problem, PROBLEM | {"focal_gamma": {}}, "Expected `float`"),
        (
            schemas.Dependence,
            {
                "column": "age",
                "values": [1.0, "old"],
                "is_time": False,
                "outputs": {},
            },
            "must be numbers, or all be texts",
        ),
        *(
            (
                schemas.Data,
                {name: DATA[name] for name in DATA if name != left_out},
                "but a part of what the data are",
            )
            for left_out in DATA
        ),
        (schemas.Data, DATA | {"examples": {"test": 3}}, "those of `train`"),
        (schemas.Count, 10**30, "<= 9223372036854775807"),
        (schemas.Fitted, {"score": 0.5}, "neither a score nor why"),
        (
            schemas.SketchedColumn,
            BINS | {"edges": [1.0], "counts": [3, 4, 0]},
            "`counts` must have each bin",
        ),
    ],
)
def test_parts_that_do_not_fit_one_another_are_refused(schema, value, words):
    check(DATA, schemas.Data)
    check({}, schemas.Data)
    with pytest.raises(DamagedError, match=words):
        check(value, schema)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            {"curves": [{"label": "a", "precision": [1.0], "recall": []}]},
            "`precision` must be as long as `recall`",
        ),
        (
            {
                "mistakes": [
                    {
                        "row": 1,
                        "true": "oak",
                        "predicted": "yew",
                        "how_wrong": 0.9,
                        "picture": None,
                        "line": 3,
                    }
                ]
            },
            "`file` and `line` go together",
        ),
        ({"confusion": {"matrix": [[1, 2], [3, 4]]}}, "a side a class"),
        (
            {
                "columns": {
                    "dependence": [
                        {
                            "column": "age",
                            "values": [1.0, 2.0],
                            "is_time": False,
                            "outputs": {"oak": [0.5]},
                        }
                    ]
                }
            },
            "must be as long as `values`",
        ),
    ],
)
def test_lists_that_do_not_fit_one_another_are_refused(part, words):
    check(DETAIL, SCHEMAS["detail.json"])
    with pytest.raises(DamagedError, match=words):
        check(DETAIL | part, SCHEMAS["detail.json"])
