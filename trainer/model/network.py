"""Model, optimizer and normalisation, built together in a strategy's scope."""

import dataclasses
import hashlib
import pathlib

import keras
import numpy as np
import tensorflow as tf

from trainer.config import Config
from trainer.input.normalization import fit_normalization
from trainer.input.normalization import Normalization
from trainer.model import mlp
from trainer.model import optimizers
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.sources import Dataset


@dataclasses.dataclass(frozen=True)
class Network:
    """What a step reads and changes.

    Attributes:
      model: the network that learns, compiled with optimizer and loss.
      average: a network of the same shape whose weights are the moving average
        of the model's, or None.
      optimizer: built on the model's trainable variables.
      normalization: from stored rows to the model's input.
      problem: targets, loss and metrics.
    """

    model: keras.Model
    average: keras.Model | None
    optimizer: keras.optimizers.Optimizer
    normalization: Normalization
    problem: Problem

    @property
    def scored(self) -> keras.Model:
        """The network that is evaluated, saved and handed on."""
        return self.average or self.model

    def variables(self) -> dict[str, keras.Variable]:
        """Returns all that training changes, by its name in a checkpoint."""
        named = {f"model/{v.path}": v for v in self.model.weights}
        if self.average is not None:
            named |= {f"average/{v.path}": v for v in self.average.weights}
        return named | {
            f"optimizer/{v.name}": v for v in self.optimizer.variables
        }

    def changed_by_a_step(self) -> list[keras.Variable]:
        """Returns what the optimizer changes: weights, and its own state."""
        return [*self.model.trainable_variables, *self.optimizer.variables]

    def snapshot(self) -> dict[str, np.ndarray]:
        """Copies the state to the host: {name: array}, that of one step."""
        arrays = {
            name: np.array(v.value.numpy())
            for name, v in self.variables().items()
        }
        arrays |= self.normalization.arrays()
        mean, std = self.problem.target_mean, self.problem.target_std
        if mean is not None and std is not None:
            arrays |= {"target/mean": mean, "target/std": std}
        return arrays

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Puts a snapshot into the variables, and nothing else of it.

        Args:
          arrays: from `snapshot`, of a network that the same config built.

        Raises:
          UserError: names or shapes are another model's.
        """
        for name, variable in self.variables().items():
            shape = tuple(variable.shape)
            if name not in arrays or arrays[name].shape != shape:
                found = arrays[name].shape if name in arrays else "nothing"
                raise UserError(
                    f"the checkpoint holds {found} for {name} where the"
                    f" config's model has {shape}; name another --workdir"
                )
            variable.assign(arrays[name])

    def adopt(self, arrays: dict[str, np.ndarray]) -> tuple[int, list[str]]:
        """Takes the weights of another run where name and shape are the same.

        Args:
          arrays: of its checkpoint; its moving average, where it has one.

        Returns:
          How many weights were taken, and the names of those that were not.
        """
        prefix = "model/"
        if any(name.startswith("average/") for name in arrays):
            prefix = "average/"
        models = [self.model, *([self.average] if self.average else [])]
        left = []
        for weights in zip(*(m.weights for m in models), strict=True):
            found = arrays.get(prefix + weights[0].path)
            if found is None or found.shape != tuple(weights[0].shape):
                left.append(weights[0].path)
                continue
            for weight in weights:
                weight.assign(found)
        return len(self.model.weights) - len(left), left

    def temper(self, temperature: float) -> None:
        """Divides the scored network's logits by a number, in its weights."""
        for weight in self.scored.get_layer("outputs").weights:
            weight.assign(weight / temperature)

    def sha256(self) -> str:
        """Hashes the scored weights' little-endian float32 bytes, in order."""
        digest = hashlib.sha256()
        for weight in self.scored.weights:
            array = weight.value.numpy()
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
        return digest.hexdigest()


def build(
    config: Config,
    problem: Problem,
    dataset: Dataset,
    strategy: tf.distribute.Strategy,
    total_steps: int,
    *,
    stateless: bool = False,
) -> Network:
    """Builds and compiles the model in the strategy's scope.

    Args:
      config: widths, optimizer, seed and precision.
      problem: settled for the dataset.
      dataset: whose training rows the normalisation is fitted on.
      strategy: that holds the variables.
      total_steps: of the run, for the schedule.
      stateless: whether its optimizer is called in a `keras.StatelessScope`,
        as that of virtual replicas always is.
    """
    features = int(np.prod(dataset.splits["train"].x.shape[1:]))

    def build_model() -> keras.Model:
        return mlp.build(
            config.model,
            problem,
            features,
            seed=config.seed,
            precision=config.precision,
        )

    with strategy.scope():
        model = build_model()
        average = build_model() if config.optimizer.ema_decay else None
        schedule = optimizers.Schedule(config.optimizer, total_steps)
        optimizer = optimizers.build(
            config.optimizer,
            schedule,
            stateless=stateless or config.virtual_replicas is not None,
            fused=not config.jit_compile,
        )
        optimizer.build(model.trainable_variables)
        model.compile(optimizer, loss=problem.loss)
    normalization = fit_normalization(config.data.normalization, dataset)
    return Network(model, average, optimizer, normalization, problem)


class PortableModel:
    """Writes the scored network as a .keras file that opens without Strata."""

    def __init__(self, config: Config, network: Network) -> None:
        self._prefix = "average/" if network.average else "model/"
        self._model = mlp.build(
            config.model,
            network.problem,
            network.model.input_shape[-1],
            seed=config.seed,
            precision=config.precision,
            portable=True,
        )
        self._optimizer = optimizers.build(
            config.optimizer, config.optimizer.learning_rate
        )
        self._optimizer.build(self._model.trainable_variables)
        self._model.compile(self._optimizer, loss=network.problem.loss)

    def save(self, path: pathlib.Path, arrays: dict[str, np.ndarray]) -> None:
        """Writes the network and its optimizer as a snapshot holds them.

        Args:
          path: of the file.
          arrays: from `Network.snapshot`.
        """
        self._model.set_weights(
            [arrays[self._prefix + w.path] for w in self._model.weights]
        )
        for variable in self._optimizer.variables:
            # The rate is a constant here and a schedule in training.
            if f"optimizer/{variable.name}" in arrays:
                variable.assign(arrays[f"optimizer/{variable.name}"])
        self._model.save(path)
