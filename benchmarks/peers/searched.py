"""The network of the searches that a sweep is held against, and its rows."""

import json
import pathlib
import sys
from typing import Any
from typing import NamedTuple

import keras
import numpy as np

# As sweeps/mnist.py has them.
DEPTH, WIDTH = (1, 2), (64, 512)
RATE, DROPOUT = (1e-3, 3e-2), (0.0, 0.4)
BATCHES = (64, 128, 256)


class Asked(NamedTuple):
    """The command line."""

    rows: dict[str, np.ndarray]
    epochs: int
    budget_secs: float
    seed: int


def asked() -> Asked:
    """Reads the command line: FILE.npz EPOCHS BUDGET_SECS SEED."""
    path, epochs, budget_secs, seed = sys.argv[1:]
    rows = dict(np.load(pathlib.Path(path)))
    for split in ("train", "validation"):
        x = rows[f"x_{split}"]
        rows[f"x_{split}"] = x.reshape(len(x), -1).astype(np.float32) / 255
    return Asked(rows, int(epochs), float(budget_secs), int(seed))


def built(depth: int, width: int, rate: float, dropout: float) -> keras.Model:
    """Returns a network of a trial's values, compiled."""
    model = keras.Sequential([keras.Input((784,))])
    for _ in range(depth):
        model.add(keras.layers.Dense(width, activation="relu"))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(
        keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def fitted(
    model: keras.Model, asked: Asked, batch: int, callbacks: Any = ()
) -> float:
    """Trains a network; returns its accuracy on the validation rows."""
    rows = asked.rows
    told = model.fit(
        rows["x_train"],
        rows["y_train"],
        batch_size=batch,
        epochs=asked.epochs,
        validation_data=(rows["x_validation"], rows["y_validation"]),
        callbacks=list(callbacks),
        verbose=0,
    )
    return float(told.history["val_accuracy"][-1])


def tell(done: int, pruned: int, best: float) -> None:
    """Prints how a search ended."""
    print(json.dumps({"done": done, "pruned": pruned, "best": best}))
