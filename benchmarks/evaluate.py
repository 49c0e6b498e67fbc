"""Rows per second of evaluating against Keras's own `evaluate`.

  python -m benchmarks.evaluate --workdir=runs/mnist --data_dir=DIR

Both score MNIST's test split with the same network in the same batches, loss
and accuracy: Strata from rows as they are stored, each counted once; Keras from
its .keras file on rows that were normalised beforehand, for free. Each number
is the best of several repetitions.
"""

import argparse
import time

import keras
import numpy as np
import tensorflow as tf

from trainer import load
from trainer import sources
from trainer.config import DataConfig
from trainer.serving.load import build_network
from trainer.steps.evaluation import Evaluator

REPETITIONS = 5


def best_secs(score):
    """Returns seconds of the fastest repetition, after a warm-up."""
    secs = []
    for _ in range(REPETITIONS + 1):
        start = time.perf_counter()
        score()
        secs.append(time.perf_counter() - start)
    return min(secs[1:])


def main():
    """Prints a line a batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--data_dir", required=True)
    arguments = parser.parse_args()
    stored = load(arguments.workdir).stored
    data = sources.load(
        DataConfig(source="mnist"), seed=0, data_dir=arguments.data_dir
    )
    network = build_network(stored)
    test = data.splits["test"]
    x = network.normalization(np.asarray(test.x)).numpy()
    y = keras.utils.to_categorical(test.labels())
    peer = keras.saving.load_model(stored.checkpoint / "model.keras")
    peer.compile(loss=stored.problem.loss, metrics=["accuracy"])
    print(f"{'batch':>6} {'strata':>10} {'keras':>10} {'ratio':>6}   rows/s")
    for batch_size in (32, 128, 1024):
        stored.config.evaluation.global_batch_size = batch_size
        scored = Evaluator(
            tf.distribute.get_strategy(),
            network,
            stored.config,
            sources.Dataset("", {"test": test}, ""),
        )
        ours = best_secs(lambda scored=scored: scored("test"))
        theirs = best_secs(
            lambda size=batch_size: peer.evaluate(
                x, y, batch_size=size, verbose=0
            )
        )
        rates = test.examples / ours, test.examples / theirs
        print(
            f"{batch_size:6} {rates[0]:10,.0f} {rates[1]:10,.0f}"
            f" {rates[0] / rates[1]:6.2f}"
        )


if __name__ == "__main__":
    main()
