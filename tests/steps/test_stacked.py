"""Networks side by side end as each alone, but for rounding."""

import numpy as np
import pytest
import tensorflow as tf

from tests import stepping
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.steps import stacked
from trainer.train import plan as plan_lib

BOTH = {
    "steps": 30,
    "jit_compile": False,
    "steps_per_execution": 7,
    "model.dropout": 0.3,
    "model.l2": 1e-3,
    "model.layer_normalization": True,
    "optimizer.ema_decay": 0.9,
    "optimizer.clip_norm": 0.5,
    "optimizer.schedule.name": "cosine",
}
OWN = [
    {"seed": 1, "optimizer.learning_rate": 1e-3},
    {"seed": 2, "optimizer.learning_rate": 1e-2, "model.dropout": 0.5},
    {"seed": 3, "model.l2": 0.1, "optimizer.weight_decay": 0.1},
]


def stacked_steps(configs, active):
    """Trains until config.steps; returns (sums, losses, networks)."""
    strategy = tf.distribute.get_strategy()
    jobs = [stepping.job_of(config, strategy) for config in configs]
    built = [
        networks.build(
            job.config,
            job.problem,
            job.dataset,
            strategy,
            job.epochs.total_steps,
            stateless=True,
        )
        for job in jobs
    ]
    plans = [plan_lib.training_plan(job) for job in jobs]
    streams = [
        pipeline.distribute(strategy, job.dataset.splits["train"], plan)
        for job, plan in zip(jobs, plans, strict=True)
    ]
    options = plan_lib.step_options(jobs[0])
    loop = stacked.training_loop(built, configs, options)
    sums, step = [], 0
    while step < configs[0].steps:
        chunks = [next(stream) for stream in streams]
        told = loop(chunks, tf.constant(active))
        end = plans[0].chunk_end(step)
        sums.extend(told.sums.numpy()[: end - step].astype(np.float64))
        step = end
    rows = [stepping.rows_in(plans[0], s) for s in range(configs[0].steps)]
    of_each = np.stack(sums, axis=1)
    return of_each, of_each[:, :, 0] / rows, built


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_each_ends_as_it_would_alone(optimizer):
    configs = [
        stepping.config_of({**BOTH, "optimizer.name": optimizer, **own})
        for own in OWN
    ]
    _, losses, built = stacked_steps(configs, [True] * 3)
    strategy = tf.distribute.get_strategy()
    for config, own_losses, network in zip(configs, losses, built, strict=True):
        expected, alone = stepping.run_steps(config, strategy)
        np.testing.assert_allclose(own_losses, expected, rtol=2e-5)
        for name, variable in alone.variables().items():
            np.testing.assert_allclose(
                network.variables()[name].value,
                variable.value,
                rtol=1e-3,
                atol=2e-6,
                err_msg=name,
            )


def test_rows_are_each_networks_own_and_one_may_stand_still():
    """Of other seeds, a regression's targets are standardised otherwise."""
    fields = {
        "problem": "regression",
        "data.source": "diabetes",
        "data.validation_fraction": 0.3,
        "steps": 12,
        "jit_compile": False,
        "model.dropout": 0.3,
        "model.l2": 1e-3,
    }
    configs = [stepping.config_of({**fields, **own}) for own in OWN]
    _, losses, built = stacked_steps(configs, [True, True, False])
    strategy = tf.distribute.get_strategy()
    for config, own_losses in list(zip(configs, losses, strict=True))[:2]:
        expected, _ = stepping.run_steps(config, strategy)
        np.testing.assert_allclose(own_losses, expected, rtol=2e-5)
    taken = [int(network.optimizer.iterations) for network in built]
    assert taken == [12, 12, 0]


@pytest.mark.parametrize("name", ["count", "regression"])
def test_sums_are_taken_from_the_mean_of_each_networks_own_rows(name):
    fields = {
        "problem": name,
        "data.source": "digits_pixels",
        "data.validation_fraction": 0.3,
        "data.target_normalization": "none",
        "steps": 21,  # an epoch
        "jit_compile": False,
    }
    configs = [stepping.config_of({**fields, "seed": n}) for n in range(3)]
    sums, _, _ = stacked_steps(configs, [True] * 3)
    for config, own in zip(configs, sums, strict=True):
        problem, dataset = stepping.load(config)
        y = dataset.splits["train"].labels().astype(np.float64)
        around = problem.divergence(y, problem.center, np).sum()
        found = dict(zip(problem.sum_names, own.sum(axis=0), strict=True))
        assert found["from_center_0"] == pytest.approx(0, abs=1e-2)
        assert found["center_divergence_0"] == pytest.approx(around, rel=1e-5)
