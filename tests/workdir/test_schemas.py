"""What a file of a workdir may not hold, beyond the type of each value."""

import pytest

from trainer.storage.json_files import check
from trainer.storage.json_files import DamagedError
from trainer.workdir.schemas import SCHEMAS

DETAIL = {"step": 1, "split": "test", "intervals": {}, "mistakes": []}


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
        ({"confusion": {"matrix": [[1, 2], [3]]}}, "must be square"),
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
