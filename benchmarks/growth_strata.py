"""Strata's steps for benchmarks.growth: points in, seconds a step out."""

import json
import os
import sys
import time

import numpy as np
import tensorflow as tf

from trainer.config.validation import validate
from trainer.config.values import from_dict
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.problem import problems
from trainer.process.stopping import Stop
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train.job import Job
from trainer.workdir.folder import Workdir

LEAST_SECS = 0.3


def job_of(point: dict) -> Job:
    """Builds the job of a point, on rows that are drawn at random."""
    config = validate(
        from_dict(
            {
                "problem": "multiclass",
                "steps": 10**7,
                "global_batch_size": point["batch"],
                "data.normalization": "scale",
                "model.hidden_units": [point["width"]] * point["depth"],
                "log.every_steps": 10**6,
                "log.norms_every_steps": None,
            }
        )
    )
    random = np.random.default_rng(0)
    shape = (point["rows"], point["features"])
    x = random.integers(0, 256, shape, np.uint8)
    y = random.integers(0, 10, point["rows"])
    dataset = Dataset("drawn", {"train": Split(x, y)}, "image", 255.0)
    problem, dataset = problems.settle(config, dataset)
    strategy = tf.distribute.get_strategy()
    return Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint="",
        workdir=Workdir(os.devnull),
        strategy=strategy,
    )


def step_secs(point: dict) -> float:
    """Returns the mean seconds of a step, over LEAST_SECS or more."""
    job = job_of(point)
    network = networks.build(
        job.config,
        job.problem,
        job.dataset,
        job.strategy,
        job.epochs.total_steps,
    )
    loop = training.training_loop(
        job.strategy, network, plan_lib.step_options(job)
    )
    plan = plan_lib.training_plan(job)
    chunks = pipeline.distribute(
        job.strategy, job.dataset.splits["train"], plan
    )
    flags, step = tf.constant(Stop().flags), 0

    def chunk() -> int:
        loop(next(chunks), flags).sums.numpy()
        return plan.chunk_end(step) - step

    step += chunk()
    first, began = step, time.perf_counter()
    while time.perf_counter() - began < LEAST_SECS:
        step += chunk()
    return (time.perf_counter() - began) / (step - first)


if __name__ == "__main__":
    print(json.dumps([step_secs(point) for point in json.load(sys.stdin)]))
