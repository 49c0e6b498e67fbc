"""What a step by shares costs, against one without.

  python -m benchmarks.shares --data_dir=DIR [--batches=128,512] [--rounds=20]

The course recipe (784-512-512-10, dropout, RMSprop) on one device. A round runs
a chunk of each variant in turn, so that what else the machine does meets all of
them; told are the medians over the rounds of the ratios within a round.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import tensorflow as tf

from trainer import sources
from trainer.config import Config
from trainer.config.validation import validate
from trainer.config.values import from_dict
from trainer.input import pipeline
from trainer.model import network as networks
from trainer.problem import problems
from trainer.steps import training
from trainer.train import plan as plan_lib
from trainer.train.job import Job
from trainer.workdir.folder import Workdir

STEPS = 20
SHARES = (None, 1, 2, 4, 8)


def config_of(batch_size: int, shares: int | None) -> Config:
    return validate(
        from_dict(
            {
                "data.source": "mnist",
                "model.hidden_units": [512, 512],
                "model.dropout": 0.2,
                "steps": 10_000,
                "steps_per_execution": STEPS,
                "global_batch_size": batch_size,
                "virtual_replicas": shares,
            }
        )
    )


def chunk_of(config: Config, dataset: sources.Dataset) -> Callable[[], float]:
    """Compiles a chunk; returns what runs it again, and tells its seconds."""
    problem, dataset = problems.settle(config, dataset)
    strategy = tf.distribute.get_strategy()
    job = Job(
        config=config,
        problem=problem,
        dataset=dataset,
        fingerprint="",
        workdir=Workdir("nowhere"),
        strategy=strategy,
    )
    network = networks.build(
        config, problem, dataset, strategy, job.epochs.total_steps
    )
    options, plan = plan_lib.step_options(job), plan_lib.training_plan(job)
    loop = training.training_loop(strategy, network, options)
    train = dataset.splits["train"]
    chunk = next(pipeline.distribute(strategy, train, plan))

    def run() -> float:
        start = time.perf_counter()
        loop(chunk, tf.zeros(2)).sums.numpy()
        return time.perf_counter() - start

    run()
    return run


def main() -> None:
    """Prints a table, a row a batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--batches", default="128,512")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    config = config_of(128, None)
    dataset = sources.load(
        config.data, seed=config.seed, data_dir=arguments.data_dir
    )
    print("| batch | ms a step | V = 1 | V = 2 | V = 4 | V = 8 |")
    print("|---:|---:|---:|---:|---:|---:|")
    for batch_size in map(int, arguments.batches.split(",")):
        runs = [chunk_of(config_of(batch_size, v), dataset) for v in SHARES]
        rounds = [[run() for run in runs] for _ in range(arguments.rounds)]
        plain_ms = 1e3 / STEPS * statistics.median(secs[0] for secs in rounds)
        ratios = [
            statistics.median(secs[i] / secs[0] for secs in rounds)
            for i in range(1, len(SHARES))
        ]
        told = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"| {batch_size} | {plain_ms:.2f} | {told} |", flush=True)


if __name__ == "__main__":
    main()
