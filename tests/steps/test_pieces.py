"""A chunk that runs in pieces gives what it gives as a whole."""

import dataclasses

import numpy as np
import pytest

from tests import stepping
from trainer.devices import strategies
from trainer.steps import pieces
from trainer.train import plan as plan_lib

# Chunks of 10 steps, and of 9 at the end of an epoch.
FIELDS = {"steps_per_execution": 10, "steps": 29, "jit_compile": False}


@pytest.mark.parametrize(
    ("steps", "slots", "wanted"),
    [
        (50, 50, [50]),
        (19, 50, [8, 8, 1, 1, 1]),
        (8, 50, [8]),
        (3, 50, [1, 1, 1]),
        (4, 5, [1] * 4),
        (1, 1, [1]),
    ],
)
def test_how_a_chunk_is_cut(steps, slots, wanted):
    assert pieces.lengths(steps, slots) == wanted


def flat_weights(monkeypatch, in_pieces, strategy="default"):
    """Trains; returns losses, weights and how often a length was traced."""
    made, loops = plan_lib.step_options, []

    def options_of(job):
        return dataclasses.replace(made(job), in_pieces=in_pieces)

    class Noted(pieces.InPieces):
        def __init__(self, program):
            super().__init__(program)
            loops.append(self)

    monkeypatch.setattr(plan_lib, "step_options", options_of)
    monkeypatch.setattr(pieces, "InPieces", Noted)
    config = stepping.config_of(FIELDS)
    losses, network = stepping.run_steps(config, strategies.build(strategy))
    return losses, stepping.flat(network.model.weights), loops


def test_pieces_give_the_same_weights(monkeypatch):
    losses, weights, loops = flat_weights(monkeypatch, False)
    assert loops == []
    # Those of a single replica hand out the chunk each in its own way.
    for name in ("default", "one_device", "mirrored"):
        again, weights_again, loops = flat_weights(monkeypatch, True, name)
        np.testing.assert_array_equal(losses, again)
        np.testing.assert_array_equal(weights, weights_again)
        loop = loops[-1]
        # Of 10, 8 and 1 steps; one of them is expected.
        assert loop.program.experimental_get_tracing_count() == 3
        assert loop.experimental_get_tracing_count() == 1
