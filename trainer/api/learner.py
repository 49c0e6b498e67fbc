"""A compiled network that many small fits share, each with its own weights.

To trace a step takes longer than to fit a few hundred rows; of two fits whose
config and shapes are the same, the second one finds it here.
"""

import dataclasses
import functools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.config import Config
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.input import pipeline
from trainer.model import mlp
from trainer.model import network as networks
from trainer.problem import problems
from trainer.process.exits import UserError
from trainer.process.stopping import Stop
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.steps import training
from trainer.steps.options import StepOptions

MOST_LEARNERS = 32
# Steps of a chunk, and the most bytes of its rows.
CHUNK_STEPS = 50
CHUNK_BYTES = 8 * 2**20
# Places whose examples are drawn at once.
DRAWN = 2**20
# Always whole blocks are predicted: their shape decides on the last bits.
BLOCK_ROWS = 256
Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Rows:
    """What a fit learns from, normalised.

    Attributes:
      x: float32 [rows, features].
      y: int64 [rows] classes, or float32 [rows, outputs] values.
      weight: float32 [rows], what each counts in the loss; of mean 1 in the
        first rows of a fit.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray


def learner_of(
    config: Config, features: int, outputs: int, total_steps: int
) -> "Learner":
    """Returns the learner of a config and shapes, made once.

    Args:
      config: validated; its seed is not looked at.
      features: of a row.
      outputs: classes, or values.
      total_steps: of the fit, which a schedule of the learning rate needs.
    """
    shaped = dataclasses.replace(
        config,
        seed=0,
        epochs=1,
        steps=None,
        # One process does all of it.
        virtual_replicas=None,
    )
    fields = tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in flatten(shaped).items()
    )
    is_constant = config.optimizer.schedule.is_constant
    return _made(fields, features, outputs, 1 if is_constant else total_steps)


@functools.lru_cache(MOST_LEARNERS)
def _made(
    fields: tuple, features: int, outputs: int, total_steps: int
) -> "Learner":
    return Learner(from_dict(dict(fields)), features, outputs, total_steps)


class Learner:
    """A network, its step and its answers; one fit at a time holds it."""

    def __init__(
        self, config: Config, features: int, outputs: int, total_steps: int
    ) -> None:
        self._config, self._features = config, features
        self._lock = threading.Lock()
        x, y = (
            np.zeros((2 * outputs, features), np.float32),
            _labels(config.problem, outputs),
        )
        problem, dataset = problems.settle(
            config, Dataset("rows", {"train": Split(x, y)}, "table")
        )
        self._network = networks.build(
            config, problem, dataset, tf.distribute.get_strategy(), total_steps
        )
        # What the step draws from; a variable, so that none is compiled anew.
        self._seed = tf.Variable(0, dtype=tf.int64, trainable=False)
        options = StepOptions(
            seed=self._seed,
            optimizer=config.optimizer,
            augmentation=config.data.augmentation,
            compiled="step" if config.jit_compile else "none",
            total_steps=total_steps,
            in_pieces=config.jit_compile
            and bool(tf.config.list_logical_devices("GPU")),
        )
        self._train_chunk = training.training_loop(
            tf.distribute.get_strategy(), self._network, options
        )
        self._answer = tf.function(
            lambda rows: self._network.scored(rows, training=False),
            input_signature=[tf.TensorSpec([BLOCK_ROWS, features])],
            autograph=False,
        )
        self._fresh = {
            name: np.zeros(variable.shape, variable.dtype)
            for name, variable in self._network.variables().items()
        }

    def begin(self, seed: int) -> Arrays:
        """Returns the state of a fit before its first step.

        Args:
          seed: that the initial weights are drawn from.
        """
        model = mlp.build(
            self._config.model,
            self._network.problem,
            self._features,
            seed=seed,
            precision=self._config.precision,
        )
        drawn = {w.path: np.array(w.value.numpy()) for w in model.weights}
        return {
            name: drawn.get(name.partition("/")[2], zero)
            if name.startswith(("model/", "average/"))
            else zero.copy()
            for name, zero in self._fresh.items()
        }

    def train(
        self,
        state: Arrays,
        rows: Rows,
        epochs: int,
        first_epoch: int,
        seed: int,
    ) -> tuple[Arrays, list[float]]:
        """Trains for some epochs.

        Args:
          state: of `begin`, or of an earlier call.
          rows: to learn from.
          epochs: how many.
          first_epoch: how many there were before.
          seed: that the order of rows and dropout are drawn from.

        Returns:
          The state after the last step, and the mean loss of each epoch.

        Raises:
          UserError: the state is of another network or optimizer.
          FloatingPointError: a loss is not finite.
        """
        steps_per_epoch = -(-len(rows.x) // self._config.global_batch_size)
        flags, sums = tf.constant(Stop().flags), []
        with self._lock:
            self._put(state)
            self._seed.assign(seed)
            for chunk, steps in self._chunks(rows, epochs, first_epoch, seed):
                told = self._train_chunk(chunk, flags)
                sums.append(told.sums.numpy()[:steps, 0].astype(np.float64))
                if not np.isfinite(sums[-1]).all():
                    raise FloatingPointError("the loss is not finite")
            state = self._taken()
        losses = np.concatenate(sums).reshape(epochs, steps_per_epoch)
        return state, (losses.sum(axis=1) / len(rows.x)).tolist()

    def predict(self, state: Arrays, x: np.ndarray) -> np.ndarray:
        """Returns outputs, float32 [rows, outputs], of normalised rows."""
        blocks = -(-len(x) // BLOCK_ROWS)
        padded = np.zeros((blocks * BLOCK_ROWS, self._features), np.float32)
        padded[: len(x)] = x
        with self._lock:
            self._put(state)
            found = [
                self._answer(tf.constant(block)).numpy()
                for block in np.split(padded, blocks)
            ]
        return np.concatenate(found)[: len(x)]

    def _put(self, state: Arrays) -> None:
        before, now = (
            {name: list(array.shape) for name, array in arrays.items()}
            for arrays in (state, self._fresh)
        )
        for name in sorted(before | now):
            was, is_now = (of.get(name, "nothing") for of in (before, now))
            if was != is_now:
                raise UserError(
                    f"{name} was {was} in the last fit, and is {is_now} by the"
                    " parameters that were set since; set them back, or fit"
                    " anew"
                )
        for name, variable in self._network.variables().items():
            variable.assign(state[name])

    def _taken(self) -> Arrays:
        return {
            name: np.array(variable.value.numpy())
            for name, variable in self._network.variables().items()
        }

    def _chunks(
        self, rows: Rows, epochs: int, first_epoch: int, seed: int
    ) -> Iterator[tuple[dict[str, Any], int]]:
        """Yields chunks as `pipeline.chunks` does, across ends of epochs."""
        batch_rows = self._config.global_batch_size
        row_bytes = 4 * batch_rows * self._features
        slots = max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(1, row_bytes)))
        steps_per_epoch = -(-len(rows.x) // batch_rows)
        left = np.empty((0, batch_rows), np.int64)
        step = first_epoch * steps_per_epoch
        for order in _orders(
            len(rows.x), batch_rows, epochs, first_epoch, seed
        ):
            left = np.concatenate([left, order])
            while len(left) >= slots:
                yield self._chunk(rows, left[:slots], slots, step), slots
                step, left = step + slots, left[slots:]
        if len(left):
            yield self._chunk(rows, left, slots, step), len(left)

    def _chunk(
        self, rows: Rows, order: np.ndarray, slots: int, step: int
    ) -> dict[str, Any]:
        # To whole micro-batches, as `Plan.share_rows`.
        micro_batches = self._config.optimizer.accumulation_steps
        unused = slots - len(order), -order.shape[1] % micro_batches
        order = np.pad(order, [(0, n) for n in unused], constant_values=-1)
        index = np.maximum(order, 0)
        return {
            "x": tf.constant(rows.x[index]),
            "y": tf.constant(rows.y[index]),
            "weight": tf.constant(rows.weight[index]),
            "examples": tf.constant((order >= 0).sum(axis=1), tf.int32),
            "first_row": tf.constant(0),
            "first_step": tf.constant(step, tf.int64),
            "steps": tf.constant((order >= 0).any(axis=1).sum(), tf.int32),
        }


def _orders(
    count: int, batch_rows: int, epochs: int, first_epoch: int, seed: int
) -> Iterator[np.ndarray]:
    """Yields examples of steps, int64 [steps, rows], some epochs at a time.

    The order is that of a run: see `pipeline.rows_of_steps`.
    """
    steps = -(-count // batch_rows)
    at_once = max(1, DRAWN // count)
    for start in range(first_epoch, first_epoch + epochs, at_once):
        numbers = np.arange(start, min(start + at_once, first_epoch + epochs))
        order = np.full((len(numbers), steps * batch_rows), -1)
        order[:, :count] = pipeline.shuffled(count, numbers, seed)
        yield order.reshape(-1, batch_rows)


def _labels(problem: str, outputs: int) -> np.ndarray:
    """Returns labels of which a problem settles so many outputs."""
    if problem in ("binary", "multiclass"):
        return np.repeat(np.arange(max(outputs, 2)), 2)[: 2 * outputs]
    return np.zeros((2 * outputs, outputs), np.float32)
