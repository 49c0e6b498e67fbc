"""What exact metrics cost: the training loop with them, and without.

  python -m benchmarks.metric_cost --data_dir=DIR [--rounds=20]

The trainer has no flag for it, since each number that it shows is made of them.
So the course recipe's loop is compiled twice in one process, once with sums of
the loss alone, and both take turns of 400 steps. Compared are CPU-seconds.
"""

import argparse
import time
from collections.abc import Callable
from collections.abc import Iterator

import tensorflow as tf

from benchmarks import overhead
from trainer import metrics
from trainer import network as networks
from trainer import pipeline
from trainer import problems
from trainer import sources
from trainer import steps
from trainer import task
from trainer import train
from trainer.job import Job
from trainer.stopping import Stop

CHUNKS = 8


def loss_alone(problem, y, p, losses, weight) -> tf.Tensor:
    """Stands for metrics.step_sums: the loss, and zeros for the metrics."""
    others = len(metrics.sum_names(problem)) - 1
    return tf.concat([[tf.reduce_sum(losses * weight)], tf.zeros(others)], 0)


def job_of(data_dir: str) -> Job:
    """Builds the course recipe's job."""
    _, config = task.parse(["--config=mnist"])
    dataset = sources.load(config.data, seed=config.seed, data_dir=data_dir)
    problem, dataset = problems.settle(config, dataset)
    strategy = tf.distribute.get_strategy()
    return Job(config, problem, dataset, "", None, strategy)


def turns(job: Job) -> Callable[[], None]:
    """Returns a function that takes CHUNKS chunks; its loop is compiled."""
    network = networks.build(
        job.config, job.problem, job.dataset, job.strategy, job.total_steps
    )
    loop = steps.training_loop(
        job.strategy, network, train.step_options(job), job.place
    )
    chunks = pipeline.distribute(
        job.strategy, job.dataset.splits["train"], train.training_plan(job)
    )
    held, flags = [next(chunks) for _ in range(CHUNKS)], Stop().flags
    asked = tf.constant(flags)

    def turn() -> None:
        for chunk in held:
            loop(chunk, asked)[0].numpy()

    turn()
    return turn


def ratios(data_dir: str, rounds: int) -> Iterator[float]:
    """Yields CPU-seconds with metrics against those without, round by round."""
    job = job_of(data_dir)
    exact = turns(job)
    kept, metrics.step_sums = metrics.step_sums, loss_alone
    try:
        bare = turns(job)
    finally:
        metrics.step_sums = kept
    for number in range(rounds):
        order = (exact, bare) if number % 2 == 0 else (bare, exact)
        secs = {}
        for turn in order:
            began = time.process_time()
            turn()
            secs[turn] = time.process_time() - began
        yield secs[exact] / secs[bare]


def main() -> None:
    """Prints the median cost."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data_dir", required=True, help="MNIST's four files")
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    found = list(ratios(asked.data_dir, asked.rounds))
    print(f"metrics, cpu_secs: {overhead.summary(found)}")


if __name__ == "__main__":
    main()
