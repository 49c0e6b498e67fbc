"""A config's fields: defaults, rules, and the round trip through JSON."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.config import Config
from trainer.config.resume import changed_fields
from trainer.config.sections import CheckpointConfig
from trainer.config.sections import DataConfig
from trainer.config.sections import ModelConfig
from trainer.config.sections import OptimizerConfig
from trainer.config.sections import ScheduleConfig
from trainer.config.validation import validate
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.config.values import rules
from trainer.process.exits import UserError

SHARE = st.floats(0, 0.99)
CONFIGS = st.builds(
    Config,
    problem=st.sampled_from(rules()["problem"].choices),
    seed=st.integers(0, 2**31 - 1),
    epochs=st.none(),
    steps=st.integers(1, 10**9),
    global_batch_size=st.integers(64, 10**6),
    data=st.builds(DataConfig, validation_fraction=SHARE),
    model=st.builds(
        ModelConfig,
        hidden_units=st.lists(st.integers(1, 4096), max_size=4).map(tuple),
        dropout=SHARE,
    ),
    optimizer=st.builds(
        OptimizerConfig,
        clip_norm=st.none() | st.floats(1e-6, 1e6),
        schedule=st.builds(ScheduleConfig, warmup_fraction=SHARE),
    ),
    checkpoint=st.builds(
        CheckpointConfig, every_secs=st.none() | st.floats(0.1, 1e6)
    ),
)


def length(**values):
    return Config(steps=10, **values)


@given(CONFIGS)
def test_a_config_survives_json(given_config):
    for values in (
        dataclasses.asdict(given_config),
        flatten(given_config),
    ):
        again = from_dict(json.loads(json.dumps(values)))
        assert again == given_config
        assert validate(again) == given_config
        assert changed_fields(again, given_config) == []


def test_absent_fields_take_their_defaults():
    assert from_dict({}) == Config()
    some = from_dict({"model": {"dropout": 0.5}, "log.every_steps": 7})
    assert some.model == ModelConfig(dropout=0.5)
    assert some.log.every_steps == 7


def test_every_default_keeps_its_rule():
    values = flatten(Config())
    for path, rule in rules().items():
        assert values[path] is None or rule.holds(values[path]), path


def test_whole_numbers_become_floats_and_lists_tuples():
    given_config = length(
        model=ModelConfig(hidden_units=[8, 4]),  # type: ignore[arg-type]
        optimizer=OptimizerConfig(learning_rate=1, clip_norm=2),
    )
    checked = validate(given_config)
    assert checked.model.hidden_units == (8, 4)
    assert isinstance(checked.optimizer.learning_rate, float)
    assert isinstance(checked.optimizer.clip_norm, float)
    assert given_config.model.hidden_units == [8, 4]


def test_a_whole_number_beyond_all_floats_is_no_rate():
    config = from_dict({"optimizer.learning_rate": 10**400})
    with pytest.raises(UserError, match="must be a finite number"):
        validate(config)


@pytest.mark.parametrize(
    "values",
    [
        {"nothing": 1},
        {"model": {"nothing": 1}},
        {"model.nothing": 1},
        {"nothing": {"dropout": 1}},
        {"seed": {"dropout": 1}},
    ],
    ids=str,
)
def test_a_stored_field_that_no_config_has(values):
    with pytest.raises(UserError, match="is not a field of the config"):
        from_dict(values)


@pytest.mark.parametrize(
    "value",
    [{"checkpoint": {"every_epoch": False}}, {"checkpoint.every_epoch": False}],
)
def test_a_field_of_an_earlier_version_at_its_default_is_passed_over(value):
    assert from_dict(value) == Config()


def test_a_field_of_an_earlier_version_that_was_set_is_refused():
    with pytest.raises(UserError) as caught:
        from_dict({"checkpoint": {"every_epoch": True}})
    assert str(caught.value) == (
        "config.checkpoint.every_epoch=True is of an earlier version; this one"
        " goes on where it was False"
    )
