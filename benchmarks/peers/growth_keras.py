"""Keras's steps for benchmarks.on_gpu: points in, seconds a step out."""

import json
import sys
import time

import keras
import numpy as np


def step_secs(point: dict) -> float:
    """Returns the mean seconds of a step of `fit`, over a second epoch."""
    random = np.random.default_rng(0)
    rows, batch = point["rows"], point["batch"]
    x = random.random((rows, point["features"]), np.float32)
    y = random.integers(0, 10, rows)
    hidden = [
        keras.layers.Dense(point["width"], activation="relu")
        for _ in range(point["depth"])
    ]
    model = keras.Sequential(
        [
            keras.Input((point["features"],)),
            *hidden,
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=batch, verbose=0)
    began = time.perf_counter()
    model.fit(x, y, batch_size=batch, verbose=0)
    return (time.perf_counter() - began) / -(-rows // batch)


if __name__ == "__main__":
    print(json.dumps([step_secs(point) for point in json.load(sys.stdin)]))
