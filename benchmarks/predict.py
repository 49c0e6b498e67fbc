"""Rows per second of a run's network against Keras's own `predict`.

  python -m benchmarks.predict --workdir=runs/mnist

Both predict from the same rows in memory, the training data's shape and dtype,
drawn at random; Keras from its .keras file, on rows that are normalised
beforehand and for free. Repetitions are taken in turn: rates are those of the
quickest, and the ratio is the median of neighbours.
"""

import argparse
import statistics
import time

import keras
import numpy as np

from trainer import load

ROWS = 50_000
REPETITIONS = 5


def in_turn(ours, theirs):
    """Returns the seconds of (ours, theirs) of each turn, after a warm-up."""
    found = []
    for _ in range(REPETITIONS + 1):
        secs = []
        for predict in (ours, theirs):
            start = time.perf_counter()
            predict()
            secs.append(time.perf_counter() - start)
        found.append(tuple(secs))
    return found[1:]


def draw(stored, rows):
    """Rows as the run's data is stored: integers, or normal numbers."""
    random = np.random.default_rng(0)
    if stored.dtype.kind in "iu":
        return random.integers(0, 17, (rows, *stored.shape), stored.dtype)
    return random.normal(size=(rows, *stored.shape)).astype(stored.dtype)


def main():
    """Prints a line a batch size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--rows", type=int, default=ROWS)
    arguments = parser.parse_args()
    model = load(arguments.workdir)
    x = draw(model.stored, arguments.rows)
    normalized = model.network.normalization(x).numpy()
    peer = keras.saving.load_model(model.stored.checkpoint / "model.keras")
    print(f"{'batch':>6} {'strata':>10} {'keras':>10} {'ratio':>6}   rows/s")
    for batch_size in sorted({32, 128, 1024, model.batch_size}):

        def ours(batch_size=batch_size):
            model.predict(x, batch_size=batch_size)

        def theirs(batch_size=batch_size):
            peer.predict(normalized, batch_size=batch_size, verbose=0)

        turns = in_turn(ours, theirs)
        rates = [len(x) / min(secs) for secs in zip(*turns, strict=True)]
        ratio = statistics.median(other / own for own, other in turns)
        print(
            f"{batch_size:>6} {rates[0]:>10,.0f} {rates[1]:>10,.0f}"
            f" {ratio:>6.2f}"
        )


if __name__ == "__main__":
    main()
