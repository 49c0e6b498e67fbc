"""Keras as the course notes have it: `fit` on NumPy arrays."""

import time

import keras
import numpy as np
from keras import layers

from benchmarks.peers import data


class EpochTimes(keras.callbacks.Callback):
    """Notes how long each epoch of `fit` took."""

    def __init__(self) -> None:
        super().__init__()
        self.secs: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.secs.append(time.perf_counter() - self._began)


def run(**compiled: object) -> None:
    """Trains, scores and tells.

    Args:
      compiled: further arguments of `compile`.
    """
    asked = data.asked()
    np.random.seed(asked.seed)
    keras.utils.set_random_seed(asked.seed)
    train_x, train_y, test_x, test_y = data.load(asked.data_dir)
    train_x, test_x = data.rows(train_x), data.rows(test_x)
    train_y = keras.utils.to_categorical(train_y)
    test_y = keras.utils.to_categorical(test_y)
    model = keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(784, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="rmsprop",
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        **compiled,
    )
    times = EpochTimes()
    began = time.perf_counter()
    model.fit(
        train_x,
        train_y,
        epochs=asked.epochs,
        batch_size=128,
        callbacks=[times],
    )
    fit_secs = time.perf_counter() - began
    _, accuracy = model.evaluate(test_x, test_y)
    data.tell(times.secs, fit_secs, float(accuracy))


if __name__ == "__main__":
    run()
