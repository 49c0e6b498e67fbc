"""A run's network in each format: written, opened again and compared.

Every format takes rows as they are stored and holds the normalisation.
"""

import json
import tempfile
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from trainer.process.exits import is_of_disk
from trainer.process.exits import UserError
from trainer.serving import rows
from trainer.serving.load import TrainedModel
from trainer.serving.model_card import FORMATS
from trainer.serving.portable import portable
from trainer.serving.served import Served
from trainer.serving.served import SIGNATURE
from trainer.serving.served import TABLE_SIGNATURE

TOLERANCE = 1e-5
# Of ONNX's metadata, a list in JSON.
LABELS = "labels"
# Not a divisor of 1,000, so that a batch of another size is tried.
BATCH_ROWS = 256
# TensorFlow tells on every use that its TFLite is to move to LiteRT.
_DEPRECATED = r"(?s).*tf\.lite\.Interpreter is deprecated"

Predict = Callable[[np.ndarray], np.ndarray]


class Difference(NamedTuple):
    """How far a format is from the trainer's own numbers.

    Attributes:
      rows: that were compared.
      greatest: difference of probabilities, or of values as a share of them;
        of those below their training rows' deviation as a share of that.
      labels: rows whose class differs by more than a tie.
    """

    rows: int
    greatest: float
    labels: int


def write_saved_model(model: TrainedModel, path: Path) -> None:
    """Writes a SavedModel: `Served`, its functions as signatures."""
    served = Served(model)
    tf.saved_model.save(served, str(path), signatures=served.signatures())


def open_saved_model(model: TrainedModel, path: Path) -> Predict:
    served = tf.saved_model.load(str(path)).signatures[SIGNATURE]
    return lambda x: _outputs(model, served(inputs=tf.constant(x)))


def _outputs(
    model: TrainedModel, found: Mapping[str, np.ndarray | tf.Tensor]
) -> np.ndarray:
    """Returns what is served, once the classes were found to be those of it."""
    problem = model.stored.problem
    # TensorFlow Lite's arrays are its own, and change.
    outputs = np.array(found[problem.output_name])
    if "class" in found:
        chosen = problem.decide(outputs)
        np.testing.assert_array_equal(found["class"], chosen)
    return outputs


def write_keras(model: TrainedModel, path: Path) -> None:
    """Writes a .keras file, which Keras opens without Strata."""
    portable(model.stored, model.network).save(path)


def open_keras(model: TrainedModel, path: Path) -> Predict:
    reopened = keras.saving.load_model(path)
    return lambda x: np.asarray(reopened(x, training=False))


def write_tflite(model: TrainedModel, path: Path) -> None:
    """Writes TensorFlow Lite's format, in float32.

    Raises:
      UserError: rows are to be centred in a type that it cannot count in.
    """
    center = model.network.normalization.center
    if center is not None and "float64" in (center.dtype, model.stored.dtype):
        raise UserError(
            "--formats=tflite: the run takes the mean off in float64, since its"
            " rows vary too little for float32, and TensorFlow Lite cannot;"
            " leave the format out, or train on rows less an offset"
        )
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        path.write_bytes(converter.convert())


def open_tflite(model: TrainedModel, path: Path) -> Predict:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", _DEPRECATED, UserWarning)
        interpreter = tf.lite.Interpreter(model_path=str(path))
    run = interpreter.get_signature_runner(SIGNATURE)
    return lambda x: _outputs(model, run(inputs=x))


def write_onnx(model: TrainedModel, path: Path) -> None:
    """Writes ONNX by Keras's own export, the names of classes as metadata."""
    import onnx

    inputs = tf.TensorSpec(
        [None, *model.stored.shape], model.stored.dtype, "inputs"
    )
    with warnings.catch_warnings():
        # tf2onnx asks for names that NumPy has no more.
        warnings.simplefilter("ignore", FutureWarning)
        portable(model.stored, model.network).export(
            path, format="onnx", verbose=False, input_signature=[inputs]
        )
    if model.stored.problem.has_labels:
        written = onnx.load(path)
        names = json.dumps(model.stored.labels)
        onnx.helper.set_model_props(written, {LABELS: names})
        onnx.save(written, path)


def open_onnx(model: TrainedModel, path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    (inputs,) = session.get_inputs()
    return lambda x: session.run(None, {inputs.name: x})[0]


class Format(NamedTuple):
    """How a format is written and opened."""

    write: Callable[[TrainedModel, Path], None]
    open: Callable[[TrainedModel, Path], Predict]


TABLE = {
    "saved_model": Format(write_saved_model, open_saved_model),
    "keras": Format(write_keras, open_keras),
    "tflite": Format(write_tflite, open_tflite),
    "onnx": Format(write_onnx, open_onnx),
}


def write_checked(
    name: str, model: TrainedModel, folder: Path, x: np.ndarray
) -> Difference:
    """Writes a format, opens it again and compares it with the trainer.

    Args:
      name: one of FORMATS.
      model: what is written.
      folder: where to.
      x: stored rows to compare on, [rows, *shape].

    Raises:
      UserError: the format cannot hold the network, or says something else.
    """
    path = folder / FORMATS[name].file
    try:
        TABLE[name].write(model, path)
        predict = TABLE[name].open(model, path)
        difference = compare(model, predict, x)
    except UserError:
        raise
    except Exception as error:  # converters raise whatever they like
        if is_of_disk(error):
            raise
        raise UserError(
            f"--formats={name}: this network cannot be written so"
            f" ({_told(error)}); leave the format out"
        ) from error
    return _held(difference, name)


def _told(error: Exception) -> str:
    """Says in a line what went wrong."""
    reason = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {reason}"


def _held(difference: Difference, name: str) -> Difference:
    """Returns a difference that is none, and refuses another."""
    if difference.greatest > TOLERANCE or difference.labels:
        raise UserError(
            f"--formats={name}: on {difference.rows} rows it differs from the"
            f" trainer by up to {difference.greatest:.2g}, more than"
            f" {TOLERANCE}, and in {difference.labels} labels; leave the format"
            " out"
        )
    return difference


def check_table(
    model: TrainedModel, folder: Path, columns: Mapping[str, Sequence[str]]
) -> Difference:
    """Compares what a SavedModel makes of a table's cells with the trainer.

    Args:
      model: of a run on a table.
      folder: of the SavedModel.
      columns: texts [rows] by the column's name, as a client sends them; there
        may be none.

    Raises:
      UserError: it says something else, or refuses one of them.
    """
    encoding = model.stored.encoding
    assert encoding is not None
    served = tf.saved_model.load(str(folder))
    names = [name.decode() for name in served.columns().numpy()]
    cells = list(zip(*(columns[name] for name in names), strict=True))
    if not cells:
        return Difference(0, 0.0, 0)
    try:
        found = served.signatures[TABLE_SIGNATURE](cells=tf.constant(cells))
    except tf.errors.InvalidArgumentError as error:
        raise UserError(
            "--formats=saved_model: it refuses cells that the trainer takes"
            f" ({_told(error)}); leave the format out"
        ) from error
    outputs = found[model.stored.problem.output_name].numpy()
    difference = compare(
        model,
        lambda _: outputs,
        encoding.encode(columns),
        batch_rows=len(cells),
    )
    return _held(difference, "saved_model")


def compare(
    model: TrainedModel,
    predict: Predict,
    x: np.ndarray,
    batch_rows: int = BATCH_ROWS,
) -> Difference:
    """Compares a format with the trainer's own numbers.

    Args:
      model: the trainer's.
      predict: from stored rows to outputs, of the format.
      x: stored rows, [rows, *shape].
      batch_rows: that the format gets at once.
    """
    # Encoded already: no cells, even where they are as many.
    layout = model.stored.layout._replace(encoding=None)
    stored = rows.of_array("x", x, layout)
    ours = np.concatenate(list(model.predict_blocks(stored)))
    starts = range(0, len(x), batch_rows)
    parts = [predict(x[s : s + batch_rows]) for s in starts]
    theirs = np.concatenate(parts).reshape(ours.shape)
    problem = model.stored.problem
    # By which the network's own outputs, and their rounding, are multiplied.
    unit = 1.0 if problem.target_std is None else problem.target_std
    apart = np.abs(theirs - ours) / np.maximum(unit, np.abs(ours))
    differ = problem.differ(ours, theirs, TOLERANCE)
    return Difference(len(x), float(apart.max()), int(differ.sum()))
