"""A run's network in a program: `trainer.load(workdir).predict(array)`."""

import contextlib
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.devices import start
from trainer.finished import trained_run
from trainer.finished.trained_run import TrainedRun
from trainer.input.normalization import AsStored
from trainer.input.normalization import Normalization
from trainer.model import mlp
from trainer.model import optimizers
from trainer.model.network import Network
from trainer.process.exits import UserError
from trainer.serving import handed_rows
from trainer.serving import rows
from trainer.serving.portable import mean_of

# Batches that one call works off, and the most bytes of their rows.
CHUNK_BATCHES = 32
CHUNK_BYTES = 16 * 2**20


def build_network(stored: TrainedRun) -> Network:
    """Builds a checkpoint's scored network in the current strategy's scope.

    Its optimizer has no state: it is not for training.

    Raises:
      UserError: the arrays are of another shape than the config's model.
    """
    if stored.members:
        return _build_ensemble(stored)
    config, problem, arrays = stored.config, stored.problem, stored.arrays
    averaged = any(name.startswith("average/") for name in arrays)
    prefix = "average/" if averaged else "model/"
    model = mlp.build(
        config.model,
        problem,
        int(np.prod(stored.shape)),
        seed=config.seed,
        precision=config.precision,
    )
    for weight in model.weights:
        array = arrays.get(prefix + weight.path)
        if array is None or array.shape != tuple(weight.shape):
            raise UserError(
                f"{stored.checkpoint} does not fit {stored.workdir.path}'s"
                f" config.json at {weight.path}; restore them"
            )
        weight.assign(array)
    normalization = Normalization.of_arrays(arrays)
    optimizer = optimizers.build(
        config.optimizer, config.optimizer.learning_rate
    )
    network = Network(model, None, optimizer, normalization, problem)
    if problem.temperature != 1:
        network.temper(problem.temperature)
    return network


def _build_ensemble(stored: TrainedRun) -> Network:
    """Builds one network of several, each with its own normalisation."""
    members = [(member, build_network(member)) for member in stored.members]
    first = members[0][1]
    return Network(
        mean_of(stored, members),
        None,
        first.optimizer,
        AsStored(**vars(first.normalization)),
        stored.problem,
    )


class TrainedModel:
    """A run's network at one checkpoint, which predicts from stored rows.

    Attributes:
      stored: the run at that checkpoint.
      network: its network and normalisation.
    """

    def __init__(self, stored: TrainedRun) -> None:
        self.stored = stored
        with self._precise():
            self.network = build_network(stored)
        self._layout = stored.layout
        self._run = _batches(self.network, self._layout)

    @property
    def problem(self) -> str:
        """The problem's type, such as "multiclass"."""
        return self.stored.problem.type

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each class or label; () for a regression."""
        return self.stored.labels

    @property
    def batch_size(self) -> int:
        """Rows of a batch by default: those of the run's own evaluation."""
        return self.stored.config.evaluation.global_batch_size

    def predict(self, x: Any, *, batch_size: int | None = None) -> np.ndarray:
        """Predicts from rows as they are stored, before normalisation.

        Args:
          x: numbers [rows, *shape] or [rows, features]; whatever their dtype,
            their values are such as the run's stored dtype holds. Of a run on
            a table a data frame or a dict of columns, in any order; a list of
            dicts; a list or an array of cells, as wide as there are columns
            and in their order; a dict of cells, for one row; or features that
            were encoded, where they are not as many as the columns.
          batch_size: rows worked off at once. At the batch size of the run's
            evaluation, the default, the numbers are those that were scored.

        Returns:
          float32 [rows, outputs]: probabilities, or values in the target's own
          units. A binary problem has one column, the probability of class 1.

        Raises:
          UserError: x has another shape, lacks a column, holds NaN or
            infinity, or values that the stored dtype does not hold; or
            batch_size is below 1, a batch of it above 2 GiB in float32, or
            more than there is memory for.
        """
        table = handed_rows.taken("x", x, self._layout)
        with start.restored():  # each model has a function of its own
            parts = list(self.predict_blocks(table, batch_size=batch_size))
        return np.concatenate(parts)

    def classes(self, x: Any, *, batch_size: int | None = None) -> np.ndarray:
        """Predicts each row's class, int64 [rows], or marks of a multilabel.

        Args:
          x: as in `predict`.
          batch_size: as in `predict`.

        Returns:
          The class of the greatest probability; for a multilabel problem int64
          [rows, labels] of 0 and 1.

        Raises:
          UserError: as in `predict`, or the problem has no classes.
        """
        if not self.stored.problem.has_labels:
            raise UserError(
                f"problem {self.problem!r} has no classes; use predict"
            )
        outputs = self.predict(x, batch_size=batch_size)
        return self.stored.problem.decide(outputs)

    def predict_blocks(
        self,
        table: rows.Rows,
        *,
        batch_size: int | None = None,
        look: Callable[[np.ndarray], None] = lambda block: None,
    ) -> Iterator[np.ndarray]:
        """Yields predictions as in `predict`, in the rows' order.

        Args:
          table: rows that are read block by block.
          batch_size: as in `predict`.
          look: is handed each block of rows, as they are stored.

        Raises:
          UserError: a row that cannot be taken, or whose outputs overflow.
        """
        rows.check_batch_size("batch_size", batch_size, self._layout)
        batch_size = batch_size or self.batch_size
        return self._predict(
            table.name,
            table.blocks(self._block_rows(batch_size)),
            batch_size,
            look,
        )

    def _precise(self) -> contextlib.AbstractContextManager[None]:
        """Has products be as precise as in the run, and then as they were."""
        return optimizers.precise(self.stored.config.precision)

    def _block_rows(self, batch_size: int) -> int:
        row_bytes = (
            int(np.prod(self._layout.shape)) * self.stored.dtype.itemsize
        )
        most = CHUNK_BYTES // max(1, row_bytes * batch_size)
        return batch_size * max(1, min(CHUNK_BATCHES, most))

    def _predict(
        self,
        name: str,
        blocks: Iterable[np.ndarray],
        batch_size: int,
        look: Callable[[np.ndarray], None],
    ) -> Iterator[np.ndarray]:
        first = 0
        for block in blocks:
            look(block)
            try:
                outputs = self.outputs_of(block, batch_size)
            except (MemoryError, tf.errors.ResourceExhaustedError):
                raise UserError(
                    f"batch_size={batch_size} is more than there is memory for;"
                    " lower it"
                ) from None
            rows.check_outputs(name, outputs, first)
            yield outputs
            first += len(block)

    def outputs_of(self, block: np.ndarray, batch_size: int) -> np.ndarray:
        """Returns the outputs of rows that were checked.

        Args:
          block: as they are stored, [rows, *shape].
          batch_size: rows worked off at once.

        Returns:
          float32 [rows, outputs], which may not be finite.
        """
        batches = -(-len(block) // batch_size)
        missing = batches * batch_size - len(block)
        if missing:
            # Always whole batches: their shape decides on the last bits.
            padding = np.zeros((missing, *block.shape[1:]), block.dtype)
            block = np.concatenate([block, padding])
        shaped = block.reshape(batches, batch_size, *block.shape[1:])
        with self._precise():
            outputs = self._run(tf.constant(shaped)).numpy()
        outputs = outputs.reshape(batches * batch_size, -1)
        outputs = outputs[: batches * batch_size - missing]
        return self.stored.problem.in_units(outputs)


def _batches(
    network: Network, layout: trained_run.Layout
) -> tf.types.experimental.PolymorphicFunction:
    """Makes the function from [batches, rows, *shape] to its outputs."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, *layout.shape], layout.dtype)
        ],
        autograph=False,
    )
    def run(x: tf.Tensor) -> tf.Tensor:
        batches = tf.shape(x)[0]
        found = tf.TensorArray(
            tf.float32, batches, element_shape=[None, network.problem.outputs]
        )

        def body(i: tf.Tensor, found: tf.TensorArray) -> tuple:
            p = network.scored(network.normalization(x[i]), training=False)
            return i + 1, found.write(i, p)

        _, found = tf.while_loop(
            lambda i, _: i < batches, body, [tf.constant(0), found]
        )
        return found.stack()

    return run


def load(
    workdir: str | os.PathLike[str], *, checkpoint: str | int | None = None
) -> TrainedModel:
    """Loads a run's network.

    Args:
      workdir: the run's folder.
      checkpoint: "best", "last", a step, or None for the weights that the
        run's own scores are of. They alone have the temperature and threshold
        that were fitted; others 1 and the config's.

    Returns:
      The network, ready to predict.

    Raises:
      UserError: no such run or checkpoint, or one that is not whole.

    Example, where runs/digits is what `make train` leaves:

      >>> import numpy as np
      >>> from trainer import load
      >>> model = load("runs/digits")
      >>> model.problem, model.labels[:3]
      ('multiclass', ('0', '1', '2'))
      >>> rows = np.zeros((2, 8, 8), np.uint8)
      >>> model.predict(rows).shape
      (2, 10)
      >>> model.classes(rows).shape
      (2,)
    """
    wanted = None if checkpoint is None else str(checkpoint)
    stored = trained_run.read(str(workdir), wanted)
    # The first look at the devices is not to be seen.
    with start.restored(), start.shared():
        tf.config.list_physical_devices()
    return TrainedModel(stored)
