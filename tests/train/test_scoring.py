"""The best weights are selected, and a run without better ones stops."""

import pytest

from trainer.config import EvaluationConfig
from trainer.train.scoring import select
from trainer.train.state import State


def run(config, values):
    """Returns the state after evaluations at steps 1, 2, ..., and the bests."""
    state, best = State(), []
    for step, value in enumerate(values, start=1):
        state.step = step
        is_loss = config.select_by == "loss"
        if select(config, state, value, is_lower_better=is_loss):
            best.append(step)
    return state, best


@pytest.mark.parametrize(
    ("select_by", "values", "expected"),
    [
        ("accuracy", [0.5, 0.7, 0.7, 0.6, 0.8], [1, 2, 5]),
        ("loss", [0.5, 0.7, 0.4, 0.4], [1, 3]),
        ("auc", [None, 0.5, None, 0.6], [2, 4]),
    ],
)
def test_better_is_what_the_metric_says(select_by, values, expected):
    state, best = run(EvaluationConfig(select_by=select_by), values)
    assert best == expected
    assert (state.best, state.best_step) == (
        values[expected[-1] - 1],
        expected[-1],
    )
    assert not state.stopped_early


def test_a_change_must_be_large_enough():
    config = EvaluationConfig(select_by="accuracy", min_delta=0.125)
    assert run(config, [0.5, 0.625, 0.75])[1] == [1, 3]


def test_patience_runs_out_after_so_many_that_are_no_better():
    config = EvaluationConfig(select_by="accuracy", patience=2)
    assert not run(config, [0.5, 0.4, 0.6, 0.5])[0].stopped_early
    assert run(config, [0.5, 0.4, 0.6, 0.5, 0.6])[0].stopped_early
