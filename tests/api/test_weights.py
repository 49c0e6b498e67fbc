"""Rows that count more or less in the loss of a run."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import trainer
from trainer.process.exits import UserError

FIELDS: Any = {
    "steps": 30,
    "global_batch_size": 256,
    "learning_rate": 0.02,
    "data__normalization": "none",
    "log__report": False,
    "log__tensorboard": False,
    "verbose": False,
    "target": "kind",
}


def frame_of(rows=40):
    random = np.random.RandomState(0)
    numbers = pd.DataFrame(random.rand(rows, 3), columns=list("abc"))
    counts = random.randint(0, 4, rows)
    kind = np.where(numbers["a"] + random.rand(rows) > 1, "yew", "oak")
    return numbers.assign(count=counts, kind=kind)


@pytest.mark.parametrize("accumulation_steps", [1, 2])
@pytest.mark.slow
def test_a_weight_counts_as_so_many_rows(tmp_path, accumulation_steps):
    frame = frame_of()
    repeated = frame.loc[frame.index.repeat(frame["count"])]
    rows = frame[["a", "b", "c"]]

    def outputs(name, data, **fields):
        run = trainer.fit(
            trainer.Config(),
            data=data,
            test=frame,
            workdir=tmp_path / name,
            accumulation_steps=accumulation_steps,
            **FIELDS,
            **fields,
        )
        return run.model.predict(rows.assign(count=1))

    weighted = outputs("weighted", frame, weight="count")
    counted = outputs("counted", repeated, ignore="count")
    alike = outputs("alike", frame, ignore="count")
    np.testing.assert_allclose(weighted, counted, atol=1e-4)
    assert np.abs(weighted - alike).max() > 0.01


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({}, {"weight": "counts"}, "did you mean 'count'?"),
        ({}, {"weight": "kind"}, "also the label or ignored"),
        ({}, {"weight": "count", "group": "count"}, "name another"),
        ({"count": -1}, {"weight": "count"}, "holds -1.0; each must be 0 or"),
        ({"count": None}, {"weight": "count"}, "has no value in any row"),
        ({"count": 0}, {"weight": "count"}, "holds 0 alone"),
        ({"count": "x"}, {"weight": "count"}, "holds no numbers"),
    ],
)
def test_weights_that_cannot_be_are_refused(tmp_path, change, field, words):
    data = frame_of().assign(**change)
    with pytest.raises(UserError) as told:
        trainer.fit(data=data, workdir=tmp_path / "run", **FIELDS, **field)
    assert words in str(told.value)
    assert not (tmp_path / "run").exists()
