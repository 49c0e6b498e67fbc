"""The best weights are selected, and a run without better ones stops."""

from typing import Any

import numpy as np
import pytest

from trainer.config import EvaluationConfig
from trainer.model.network import Network
from trainer.problem import binary
from trainer.process.awake import ServedClock
from trainer.process.watchdog import Watchdog
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.train.scoring import Scoring
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


BINARY = binary.Binary(
    "binary", "sigmoid", "binary_crossentropy", ("accuracy",), 1, False, ()
)


class Scored:
    """Stands for the evaluator of a split whose outputs are known."""

    def __init__(self, outputs):
        self._outputs = outputs

    def __contains__(self, split):
        return split == "validation"

    def __call__(self, split, on_chunk):
        return {"loss": 0.5}

    def outputs(self, split):
        return self._outputs


def test_what_is_scored_and_fitted_on_many_rows_is_no_hang(monkeypatch):
    """As 50 million values are, whose every loss takes seconds."""
    now = 0.0
    clock = ServedClock(lambda: now, lambda: 0.0)
    watchdog = Watchdog(least_secs=60, first_secs=900, clock=clock)
    watchdog.beat(1)

    def slowly(work, secs):
        def wrapped(*given):
            nonlocal now
            for _ in range(secs):
                now += 1
                clock.tick()
            assert not watchdog.is_overdue()
            return work(*given)

        return wrapped

    loss, threshold = binary.Binary.tempered_loss, binary.best_threshold
    monkeypatch.setattr(binary.Binary, "tempered_loss", slowly(loss, 40))
    monkeypatch.setattr(binary, "best_threshold", slowly(threshold, 600))
    monkeypatch.setattr(Scored, "__call__", slowly(Scored.__call__, 800))
    monkeypatch.setattr(Network, "temper", lambda self, temperature: None)
    y = np.tile([0, 1, 1], 20)
    outputs = np.float32(0.3 + 0.2 * y)[:, None]
    nothing: Any = None
    scoring = Scoring(
        lambda *_, **__: Scored(outputs),  # type: ignore[arg-type,return-value]
        network=Network(nothing, None, nothing, nothing, BINARY),
        dataset=Dataset("", {"validation": Split(outputs, y)}, "table"),
        config=EvaluationConfig(temperature_scaling=True, threshold_by="f1"),
        epochs=nothing,
        state=State(),
        clock=nothing,
        writers=nothing,
        watchdog=watchdog,
        restore_best=nothing,
    )
    scoring.decide()
    assert scoring.decision.keys() == {"temperature", "threshold", "step"}
