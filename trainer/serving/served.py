"""The functions that a SavedModel serves, from rows or cells to outputs."""

from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from trainer.serving.column_graphs import encode
from trainer.serving.load import TrainedModel
from trainer.tables.encoding import Encoding

SIGNATURE = "serving_default"
TABLE_SIGNATURE = "table"


class Served(tf.Module):
    """What is served, and the weights that it reads.

    Attributes:
      serve: from rows as stored, `inputs` [rows, *shape], to the outputs.
      table: of a run on a CSV file, from its `cells`, string [rows, columns],
        to the same.
      columns: of such a run, the names of those columns in their order.
      labels: of a run with classes or labels, their names by their numbers.
    """

    def __init__(self, model: TrainedModel) -> None:
        stored = model.stored
        self._weights = [w.value for w in model.network.scored.weights]
        rows = tf.TensorSpec([None, *stored.shape], stored.dtype, "inputs")
        self.serve = tf.function(
            _outputs(model), input_signature=[rows], autograph=False
        )
        if stored.problem.has_labels:
            self.labels = _texts(stored.labels)
        self._has_table = stored.encoding is not None
        if stored.encoding is not None:
            self._add_table(model, stored.encoding)

    def _add_table(self, model: TrainedModel, encoding: Encoding) -> None:
        names = [column.name for column in encoding.inputs]
        outputs = _outputs(model)

        @tf.function(
            input_signature=[
                tf.TensorSpec([None, len(names)], tf.string, "cells")
            ],
            autograph=False,
        )
        def table(cells: tf.Tensor) -> dict[str, tf.Tensor]:
            return outputs(encode(encoding, cells))

        self.table = table
        self.columns = _texts(names)

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the functions by the names that they are served under."""
        named = {SIGNATURE: self.serve}
        return named | (
            {TABLE_SIGNATURE: self.table} if self._has_table else {}
        )


def _texts(names: Sequence[str]) -> tf.types.experimental.GenericFunction:
    """Makes the function, of nothing, that returns names."""
    return tf.function(
        lambda: tf.constant(names), input_signature=[], autograph=False
    )


def _outputs(
    model: TrainedModel,
) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Makes the function from stored rows to what is served."""
    network, problem = model.network, model.stored.problem

    def serve(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        normalized = network.normalization(inputs)
        outputs = network.scored(normalized, training=False)
        return problem.served(problem.in_units(outputs))

    return serve
