"""The problem table: what labels mean, and what is refused."""

import dataclasses
import json
import math

import pytest

from tests.problem.scored import dataset_of
from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config.values import rules
from trainer.problem.problems import from_record
from trainer.problem.problems import settle
from trainer.problem.problems import type_of
from trainer.process.exits import UserError

TYPES = sorted(set(rules()["problem"].choices) - {"auto"})
ARRAYS = dict.fromkeys(("target_mean", "target_std", "target_center"))


def labels_of(problem):
    return [[0, 1], [1, 1]] if problem == "multilabel" else [0, 1, 1, 0]


@pytest.mark.parametrize("problem", TYPES)
def test_what_an_earlier_start_settled_holds(problem):
    y = labels_of(problem)
    earlier, _ = settle(Config(problem=problem), dataset_of(y))
    again, _ = settle(Config(), dataset_of(y), earlier)
    assert dataclasses.replace(again, **ARRAYS) == dataclasses.replace(  # type: ignore[arg-type]
        earlier,
        **ARRAYS,  # type: ignore[arg-type]
    )


def test_each_problem_has_a_module_and_a_class():
    for name in TYPES:
        kind = type_of(name)
        assert kind.__module__ == f"trainer.problem.{name}"
        assert kind.usual_score in kind.metrics  # type: ignore[misc]


@pytest.mark.parametrize("name", ["scores", "auto", "../binary", None])
def test_another_name_is_no_problem(name):
    with pytest.raises(KeyError):
        type_of(name)


@pytest.mark.parametrize("problem", TYPES)
def test_a_record_gives_the_problem_back(problem):
    settled, _ = settle(Config(problem=problem), dataset_of(labels_of(problem)))
    arrays = ("target_mean", "target_std", "target_center")
    values = dataclasses.asdict(settled)
    values = {name: v for name, v in values.items() if name not in arrays}
    assert list(values) == [
        "type",
        "activation",
        "loss",
        "metrics",
        "outputs",
        "one_hot",
        "class_names",
        "headline",
        "class_weights",
        "focal_gamma",
        "label_smoothing",
        "threshold",
        "temperature",
    ]
    found = from_record(json.loads(json.dumps(values)))
    assert type(found) is type(settled)
    assert found == dataclasses.replace(settled, **dict.fromkeys(arrays))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'hinge' of another problem"):
        from_record(values | {"loss": "hinge"})


def test_a_record_of_integer_labels_gives_the_problem_back():
    config = Config(problem="multiclass", label_encoding="integer")
    settled, _ = settle(config, dataset_of([0, 1, 2, 0]))
    values = json.loads(json.dumps(dataclasses.asdict(settled)))
    values = {name: v for name, v in values.items() if name not in ARRAYS}
    assert from_record(values).loss == "sparse_categorical_crossentropy"


@pytest.mark.parametrize("problem", TYPES)
def test_a_loss_is_one_of_the_problem(problem):
    y = labels_of(problem)
    for loss in rules()["loss"].choices:
        config = Config(problem=problem, loss=loss)
        if loss in type_of(problem).losses:
            settled, _ = settle(config, dataset_of(y))
            names = type_of(problem).keras_losses
            assert settled.loss == names.get(loss, loss)
        else:
            with pytest.raises(UserError, match=f"'{loss}' does not fit"):
                settle(config, dataset_of(y))


@pytest.mark.parametrize("problem", TYPES)
def test_a_positive_class_is_one_of_two_and_earlier_runs_go_on(problem):
    y = labels_of(problem)
    config = Config(problem=problem, data=DataConfig(positive_class="0"))
    earlier, _ = settle(Config(problem=problem), dataset_of(y))
    settle(config, dataset_of(y), earlier)
    if problem in ("binary", "multiclass"):
        assert settle(config, dataset_of(y))[0].labels == ("1", "0")
    else:
        words = rf"positive_class='0' .* problem '{problem}' has none; leave"
        with pytest.raises(UserError, match=words):
            settle(config, dataset_of(y))


@pytest.mark.parametrize("problem", TYPES)
def test_each_metric_of_a_problem_selects(problem):
    y = labels_of(problem)
    data = dataset_of(y, validation=y)
    for metric in ("loss", *type_of(problem).metrics):  # type: ignore[misc]
        config = Config(
            problem=problem, evaluation=EvaluationConfig(select_by=metric)
        )
        assert metric in ("loss", *settle(config, data)[0].metrics)
    other = Config(
        problem=problem, evaluation=EvaluationConfig(select_by="kappa")
    )
    with pytest.raises(UserError, match="'kappa' is none of loss, "):
        settle(other, data)


def test_which_metrics_are_better_lower():
    lower = {m for name in TYPES for m in type_of(name).lower_is_better}
    assert lower == {"loss", "mae", "mse", "rmse", "deviance"}
    for name in TYPES:
        kind = type_of(name)
        assert set(kind.lower_is_better) == lower & {"loss", *kind.metrics}  # type: ignore[misc]


@pytest.mark.parametrize("problem", TYPES)
def test_what_a_metric_can_be(problem):
    settled, _ = settle(Config(problem=problem), dataset_of(labels_of(problem)))
    bounds = {m: settled.bounds_of(m) for m in ("loss", *settled.metrics)}
    expected = dict.fromkeys(bounds, (0.0, 1.0))
    expected |= dict.fromkeys(settled.lower_is_better, (0.0, math.inf))
    expected |= dict.fromkeys(bounds.keys() & {"r2", "d2"}, (-math.inf, 1.0))
    assert bounds == expected | {"loss": (-math.inf, math.inf)}
