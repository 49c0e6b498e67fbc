"""Strata's steps for benchmarks.growth: points in, seconds a step out."""

import json
import os
import sys
import time

import numpy as np
import tensorflow as tf

from trainer import config as config_lib
from trainer import network as networks
from trainer import pipeline
from trainer import problems
from trainer import steps
from trainer import train
from trainer.job import Job
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.stopping import Stop
from trainer.workdir import Workdir

LEAST_SECS = 0.3


def job_of(point: dict) -> Job:
    """Builds the job of a point, on rows that are drawn at random."""
    config = config_lib.validate(
        config_lib.from_dict(
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
    return Job(config, problem, dataset, "", Workdir(os.devnull), strategy)


def step_secs(point: dict) -> float:
    """Returns the mean seconds of a step, over LEAST_SECS or more."""
    job = job_of(point)
    network = networks.build(
        job.config, job.problem, job.dataset, job.strategy, job.total_steps
    )
    loop = steps.training_loop(
        job.strategy, network, train.step_options(job), job.place
    )
    plan = train.training_plan(job)
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
