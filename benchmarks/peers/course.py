"""Keras as the course notes have it: `fit` on NumPy arrays."""

import importlib

import numpy as np

from benchmarks.peers import data


def run(library: str = "keras", **compiled: object) -> None:
    """Trains, scores and tells.

    Args:
      library: the module that is called Keras.
      compiled: further arguments of `compile`.
    """
    keras = importlib.import_module(library)
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
            keras.layers.Dense(784, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        optimizer="rmsprop",
        loss="categorical_crossentropy",
        metrics=["accuracy"],
        **compiled,
    )
    epochs = data.Epochs()
    times = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epochs.begin(),
        on_epoch_end=lambda epoch, logs: epochs.end(),
    )
    model.fit(
        train_x,
        train_y,
        epochs=asked.epochs,
        batch_size=128,
        callbacks=[times],
    )
    epochs.end_fit()
    _, accuracy = model.evaluate(test_x, test_y)
    data.tell(epochs, float(accuracy))


if __name__ == "__main__":
    run()
