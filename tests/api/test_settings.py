"""Fields of a config by a program's keywords."""

import numpy as np
import pytest

from trainer.api.settings import settled
from trainer.config import Config
from trainer.config.values import flatten
from trainer.process.exits import UserError


@pytest.mark.parametrize(
    ("name", "value", "path", "found"),
    [
        ("model.hidden_units", 16, "model.hidden_units", [16]),
        ("model__hidden_units", [8, 4], "model.hidden_units", [8, 4]),
        ("hidden_units", np.array([8, 4]), "model.hidden_units", [8, 4]),
        ("hidden_units", (np.int64(8), 4), "model.hidden_units", [8, 4]),
        ("ignore", [np.str_("a")], "data.ignore", ["a"]),
        ("learning_rate", 1, "optimizer.learning_rate", 1.0),
        ("seed", np.int64(3), "seed", 3),
        ("target", np.int64(4), "data.target", "4"),
        # The whole name counts before the last part of another.
        ("global_batch_size", 7, "global_batch_size", 7),
        ("steps", 9, "epochs", None),
    ],
)
def test_a_keyword_sets_a_field(name, value, path, found):
    assert flatten(settled("digits", {name: value}))[path] == found


def test_a_config_that_is_handed_over_stays():
    config = Config(epochs=3)
    assert settled(config, {"seed": 7}).seed == 7
    assert config == Config(epochs=3)


def test_a_field_is_set_once():
    with pytest.raises(UserError, match="twice"):
        settled("digits", {"model.l2": 0.1, "l2": 0.2})
