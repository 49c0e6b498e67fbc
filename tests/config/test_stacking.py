"""Which runs may train as one program."""

import dataclasses

import pytest

from trainer.config import Config
from trainer.config import stacking
from trainer.config.values import from_dict


def config_of(**fields):
    return from_dict({n.replace("__", "."): v for n, v in fields.items()})


@pytest.mark.parametrize(
    ("fields", "is_same"),
    [
        ({"seed": 7, "data__fold": 1}, True),
        ({"optimizer__learning_rate": 0.1, "model__dropout": 0.2}, True),
        ({"model__dropout": 0.0}, False),
        ({"model__l2": 0.1}, False),
        ({"optimizer__momentum": 0.9}, False),
        ({"model__hidden_units": [64]}, False),
        ({"global_batch_size": 64}, False),
    ],
)
def test_runs_of_one_shape_differ_in_numbers_alone(fields, is_same):
    first = config_of(model__dropout=0.5)
    other = config_of(**{"model__dropout": 0.5, **fields})
    assert (stacking.shape_of(first) == stacking.shape_of(other)) is is_same


def test_what_trains_alone_is_named():
    assert stacking.field_alone(Config()) is None
    found = stacking.field_alone(Config(virtual_replicas=2))
    assert found == "config.virtual_replicas=2"
    turned = config_of(data__augmentation__rotation_degrees=5.0)
    assert stacking.field_alone(turned) == "config.data.augmentation"
    assert stacking.field_alone(dataclasses.replace(turned, precision="tf32"))


def test_flags_of_a_process_of_its_own_are_named():
    assert stacking.flag_alone(["config", "data_dir"]) is None
    assert stacking.flag_alone(["config", "devices"]) == "devices"
