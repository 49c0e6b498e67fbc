"""Keras Tuner: its Bayesian optimisation over Keras's own fit."""

import contextlib
import tempfile
import time

import keras
import keras_tuner

from benchmarks.peers import searched


class _OverError(keras_tuner.errors.FatalError):
    """The budget is spent; any other error is a failed trial to the tuner."""


class _Network(keras_tuner.HyperModel):
    def __init__(self, asked: searched.Asked) -> None:
        super().__init__()
        self._asked = asked
        self._began = time.monotonic()
        self.scores: list[float] = []

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        return searched.built(
            hp.Int("depth", *searched.DEPTH),
            hp.Int("width", *searched.WIDTH, sampling="log"),
            hp.Float("rate", *searched.RATE, sampling="log"),
            hp.Float("dropout", *searched.DROPOUT),
        )

    def fit(
        self,
        hp: keras_tuner.HyperParameters,
        model: keras.Model,
        **_: object,
    ) -> dict[str, float]:
        # It takes a number of trials, and no time.
        if time.monotonic() - self._began > self._asked.budget_secs:
            raise _OverError
        batch = hp.Choice("batch", list(searched.BATCHES))
        score = searched.fitted(model, self._asked, batch)
        self.scores.append(score)
        return {"val_accuracy": score}


def main() -> None:
    """Searches until the budget is spent."""
    asked = searched.asked()
    network = _Network(asked)
    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.BayesianOptimization(
            network,
            objective=keras_tuner.Objective("val_accuracy", "max"),
            max_trials=100_000,
            seed=asked.seed,
            directory=folder,
        )
        with contextlib.suppress(_OverError):
            tuner.search(verbose=0)
    searched.tell(len(network.scores), 0, max(network.scores))


if __name__ == "__main__":
    main()
