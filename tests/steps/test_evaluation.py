"""A split's rows are made ready by the first scoring, and once."""

import functools

import tensorflow as tf

from tests import stepping
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.steps.evaluation import Evaluator


def untrained():
    """Returns what scores a network, its problem, and its own dataset."""
    config = stepping.config_of({"problem": "multiclass"})
    problem, dataset = stepping.load(config)
    strategy = tf.distribute.get_strategy()
    network = networks.build(config, problem, dataset, strategy, 1)
    evaluator_of = functools.partial(Evaluator, strategy, network, config)
    return evaluator_of, problem, dataset


def test_the_first_scoring_of_a_split_makes_its_pipeline(monkeypatch):
    evaluator_of, _, dataset = untrained()
    made, distribute = [], pipeline.distribute

    def noted(strategy, split, *args, **kwargs):
        made.append(split)
        return distribute(strategy, split, *args, **kwargs)

    monkeypatch.setattr(pipeline, "distribute", noted)
    evaluator = evaluator_of(dataset=dataset)
    assert not made
    assert evaluator("test") == evaluator("test")
    assert len(made) == 1
    assert made[0] is dataset.splits["test"]


def test_outputs_that_are_kept_count_among_what_a_chunk_holds(monkeypatch):
    evaluator_of, problem, dataset = untrained()
    counted, steps_that_fit = [], pipeline.steps_that_fit

    def noted(split, batch_size, most_steps, outputs):
        counted.append(outputs)
        return steps_that_fit(split, batch_size, most_steps, outputs)

    monkeypatch.setattr(pipeline, "steps_that_fit", noted)
    only_test = dataset.without("validation")
    evaluator_of(dataset=only_test)
    evaluator_of(dataset=only_test, most_outputs=9)
    assert counted == [problem.outputs, 0]
