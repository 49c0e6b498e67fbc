"""A run's whole network of Keras's own layers, from stored rows to answers."""

import dataclasses

import keras
import numpy as np

from trainer.finished.trained_run import TrainedRun
from trainer.model import mlp
from trainer.model.network import Network


def portable(
    stored: TrainedRun, network: Network, name: str = "strata"
) -> keras.Model:
    """Builds the whole of it from Keras's own layers and operations.

    From rows as they are stored, normalisation included, to answers in the
    target's own units: what a .keras file can hold.

    Args:
      stored: the run, or an ensemble.
      network: of the run.
      name: of the model.
    """
    problem, normalization = stored.problem, network.normalization
    if stored.members:
        (inputs,), (outputs,) = network.scored.inputs, network.scored.outputs
        return keras.Model(inputs, problem.in_units(outputs), name=name)
    features = int(np.prod(stored.shape))
    bare = mlp.build(
        stored.config.model,
        problem,
        features,
        seed=stored.config.seed,
        precision=stored.config.precision,
        portable=True,
    )
    bare.set_weights(network.scored.get_weights())
    dtype = stored.dtype.name
    inputs = keras.Input(stored.shape, dtype=dtype, name="inputs")
    x = inputs
    if len(stored.shape) > 1:
        x = keras.layers.Reshape((features,), dtype=dtype)(x)
    if normalization.center is not None:
        x = keras.ops.cast(x, normalization.center.dtype.name)
        x = keras.ops.subtract(x, normalization.center)
    if normalization.scale is not None:
        x = keras.ops.divide(x, normalization.scale)
    x = keras.ops.cast(x, "float32")
    if normalization.mean.any():
        x = keras.ops.subtract(x, normalization.mean)
    outputs = problem.in_units(bare(keras.ops.divide(x, normalization.std)))
    return keras.Model(inputs, outputs, name=name)


def mean_of(
    stored: TrainedRun, runs: list[tuple[TrainedRun, Network]]
) -> keras.Model:
    """Builds the model whose answer is the mean of some runs' answers.

    Values are averaged in the target's own units, and then as they enter the
    first one's loss.

    Args:
      stored: the ensemble.
      runs: its members, and their networks.
    """
    first = runs[0][0]
    inputs = keras.Input(stored.shape, dtype=stored.dtype.name, name="inputs")
    outputs = [
        portable(run, network, f"member_{index}")(rows)
        for index, ((run, network), rows) in enumerate(
            zip(runs, _own_rows(stored, inputs), strict=True)
        )
    ]
    mean = keras.layers.Average(name="outputs")(outputs)
    return keras.Model(inputs, first.problem.in_loss_units(mean), name="mean")


def _own_rows(
    stored: TrainedRun, inputs: keras.KerasTensor
) -> list[keras.KerasTensor]:
    """Returns what each run of an ensemble takes of its rows."""
    encoding = stored.encoding
    if encoding is None or not encoding.others:
        return [inputs] * len(stored.members)
    # Each once, in the order of their features.
    each = [dataclasses.replace(encoding, others=()), *encoding.others]
    ends = np.cumsum([len(one.features) for one in each])[:-1]
    parts = keras.ops.split(inputs, ends.tolist(), axis=1)
    return [
        part
        for run in stored.members
        for one, part in zip(each, parts, strict=True)
        if one == run.encoding
    ]
