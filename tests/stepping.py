"""Drives the compiled step by itself, for tests of its numbers.

A process of its own, since logical devices and the cluster must be set before
TensorFlow starts:

  python -m tests.stepping REPLICAS CASES.json OUT.npz

CASES.json is {name: {field of the config: value}}. OUT.npz holds "NAME/losses"
float64 [steps], "NAME/weights" (all weights of the model, flat) and
"NAME/average" where there is one. With TF_CONFIG set, every case runs on all of
the cluster's workers.
"""

import json
import os
import sys

import numpy as np

from trainer import sources
from trainer.cluster import choice
from trainer.cluster import discovery
from trainer.config.validation import validate
from trainer.config.values import from_dict
from trainer.problem import problems

BASE = {
    "problem": "multiclass",
    "steps": 60,  # over two epochs of 29, the last batch of each partial
    "global_batch_size": 50,
    "data.source": "digits",
    "model.hidden_units": [48, 32],
}
ALL_AT_ONCE = {
    "model.dropout": 0.3,
    "model.l2": 1e-4,
    "optimizer.name": "adam",
    "optimizer.learning_rate": 2e-3,
    "optimizer.ema_decay": 0.95,
    "optimizer.accumulation_steps": 3,
    "optimizer.schedule.name": "cosine",
    "optimizer.schedule.warmup_fraction": 0.1,
}
CLIPPED_SGD = {
    "optimizer.name": "sgd",
    "optimizer.learning_rate": 0.5,
    "optimizer.clip_norm": 0.1,
}


def config_of(fields):
    """Returns the config of BASE with these fields changed."""
    return validate(from_dict({**BASE, **fields}))


def load(config):
    """Returns (problem, dataset) of a config."""
    dataset = sources.load(config.data, seed=config.seed, data_dir=None)
    return problems.settle(config, dataset)


def job_of(config, strategy):
    """Returns the job of a config, in no workdir."""
    from trainer.train.job import Job

    problem, dataset = load(config)
    return Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint="",
        # Nothing is written.
        workdir=None,  # type: ignore[arg-type]
        strategy=strategy,
    )


def run_steps(config, strategy):
    """Trains for config.steps; returns each step's loss, and the network."""
    import tensorflow as tf

    from trainer.input import pipeline
    from trainer.model import network as networks
    from trainer.steps import training
    from trainer.train import plan as plan_lib

    job = job_of(config, strategy)
    dataset = job.dataset
    network = networks.build(
        config, job.problem, dataset, strategy, job.epochs.total_steps
    )
    plan = plan_lib.training_plan(job)
    place = discovery.read(os.environ)
    options = plan_lib.step_options(job)
    loop = training.training_loop(
        strategy, network, options, worker=place.index, workers=place.workers
    )
    chunks = pipeline.distribute(
        strategy, dataset.splits["train"], plan, first_step=0
    )
    losses, step = [], 0
    for chunk in chunks:
        sums = loop(chunk, tf.zeros(2)).sums
        end = plan.chunk_end(step)
        losses.extend(sums.numpy()[: end - step, 0].tolist())
        step = end
    rows = [rows_in(plan, step) for step in range(config.steps)]
    return np.array(losses) / rows, network


def rows_in(plan, step):
    place = step % plan.steps_per_epoch * plan.global_batch_size
    return min(plan.global_batch_size, plan.examples - place)


def flat(variables):
    return np.concatenate([v.value.numpy().ravel() for v in variables])


def main(replicas, cases_path, out_path):
    from trainer.devices import strategies
    from trainer.model import optimizers

    with open(cases_path) as file:
        cases = json.load(file)
    # Two mirrored strategies of different sizes cannot share a process: their
    # collectives meet in one group.
    place = discovery.read(os.environ)
    strategies.prepare_devices(int(replicas), None, place)
    optimizers.set_precision("float32")
    strategy = strategies.build(choice.fit_strategy("auto", place, None, None))
    arrays = {}
    for name, fields in cases.items():
        losses, network = run_steps(config_of(fields), strategy)
        arrays[f"{name}/losses"] = losses
        arrays[f"{name}/weights"] = flat(network.model.weights)
        if network.average is not None:
            arrays[f"{name}/average"] = flat(network.average.weights)
    np.savez(out_path, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
