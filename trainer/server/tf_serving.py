"""TensorFlow Serving's REST API: its bodies and answers.

https://www.tensorflow.org/tfx/serving/api_rest
"""

import difflib
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from trainer.process.exits import UserError
from trainer.server import answers
from trainer.server import handed_in
from trainer.server.answers import Asked
from trainer.server.catalogue import Model
from trainer.server.opening import Refused

INSTANCES = "instances"
INPUTS = "inputs"
SIGNATURE = "signature_name"
EXAMPLES = "examples"
_PREDICT_KEYS = (INSTANCES, INPUTS, SIGNATURE)
_EXAMPLE_KEYS = (EXAMPLES, "context", SIGNATURE)
# That the context may have in all examples together, as a body may by default.
MOST_CONTEXT_BYTES = 2**24
_SIGNATURES = ("serving_default", "table", "")
# NumPy's names as the API has them, where they are not alike.
_DTYPES = {
    "float64": "DT_DOUBLE",
    "float32": "DT_FLOAT",
    "float16": "DT_HALF",
}


def predict(model: Model, body: bytes, most_rows: int) -> Asked:
    """Reads a body of :predict, rows or columns.

    Raises:
      UserError: it is none.
    """
    value = _object(handed_in.parsed(body), _PREDICT_KEYS)
    if (INSTANCES in value) == (INPUTS in value):
        raise UserError(
            f"the body must have {INSTANCES!r}, a list of rows, or {INPUTS!r},"
            " the columns; and not both"
        )
    name = INSTANCES if INSTANCES in value else INPUTS
    if name == INSTANCES and not isinstance(value[name], list):
        raise UserError(f"{INSTANCES!r} must be a list of rows")
    rows = handed_in.stored_rows(name, value[name], model.layout, most_rows)
    if name == INSTANCES:
        return of_instances(model, rows)
    return Asked(
        rows, lambda p: {"outputs": answers.in_columns(model.problem, p)}
    )


def of_instances(model: Model, rows: np.ndarray) -> Asked:
    """Asks about rows, each of which gets a row of the answer."""
    return Asked(
        rows, lambda p: {"predictions": answers.in_rows(model.problem, p)}
    )


def classify(model: Model, body: bytes, most_rows: int) -> Asked:
    """Reads a body of :classify.

    Raises:
      UserError: it is none, or the problem has no classes.
    """
    return _of_examples(
        model, body, most_rows, lambda p: answers.class_scores(model.problem, p)
    )


def regress(model: Model, body: bytes, most_rows: int) -> Asked:
    """Reads a body of :regress.

    Raises:
      UserError: it is none, or the problem has not one value.
    """
    return _of_examples(
        model, body, most_rows, lambda p: answers.values(model.problem, p)
    )


def _of_examples(
    model: Model,
    body: bytes,
    most_rows: int,
    results: Callable[[np.ndarray], list[Any]],
) -> Asked:
    # Asked of no rows: whether the problem can answer at all.
    results(np.zeros((0, model.problem.outputs), np.float32))
    value = _object(handed_in.parsed(body), _EXAMPLE_KEYS)
    examples, context = value.get(EXAMPLES), value.get("context", {})
    if not isinstance(examples, list) or not all(
        isinstance(example, dict) for example in examples
    ):
        raise UserError(f"{EXAMPLES!r} must be a list of objects")
    if not isinstance(context, dict):
        raise UserError("'context' must be an object")
    handed_in.check_count(EXAMPLES, len(examples), most_rows)
    each = len(msgspec.json.encode(context))
    if each * len(examples) > MOST_CONTEXT_BYTES:
        raise UserError(
            f"'context' has {each:,} bytes, and in {len(examples):,} examples"
            f" more than {MOST_CONTEXT_BYTES:,}; ask by several"
        )
    examples = [context | example for example in examples]
    rows = handed_in.stored_rows(EXAMPLES, examples, model.layout, most_rows)
    return Asked(rows, lambda p: {"results": results(p)})


def _object(value: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UserError("the body must be an object of JSON")
    for key in value.keys() - set(keys):
        # To compare megabytes takes seconds.
        shown = key[:40]
        near = difflib.get_close_matches(shown, keys, 1, 0.0)[0]
        raise UserError(
            f"the body has {shown!r}, which is none of {', '.join(keys)};"
            f" did you mean {near!r}?"
        )
    signature = value.get(SIGNATURE, "")
    if signature not in _SIGNATURES:
        raise UserError(
            f"{SIGNATURE}={str(signature)[:40]!r} is none of"
            f" {', '.join(filter(None, _SIGNATURES))}; leave it out"
        )
    return value


def status(model: Model, refused: list[Refused]) -> dict[str, Any]:
    """Returns what GET of a model says: its versions and their state."""
    found = [
        _state(each.version, "END", "UNKNOWN", each.told) for each in refused
    ]
    found.append(_state(model.version, "AVAILABLE", "OK", ""))
    return {"model_version_status": found}


def _state(version: int, state: str, code: str, why: str) -> dict[str, Any]:
    return {
        "version": str(version),
        "state": state,
        "status": {"error_code": code, "error_message": why},
    }


def metadata(model: Model) -> dict[str, Any]:
    """Returns what GET of a model's /metadata says: its signatures."""
    layout, problem = model.layout, model.problem
    outputs = {
        problem.output_name: _tensor("DT_FLOAT", (-1, problem.outputs)),
    }
    if problem.has_class:
        outputs["class"] = _tensor("DT_STRING", (-1,))
    name = layout.dtype.name
    dtype = _DTYPES.get(name, f"DT_{name.upper()}")
    signatures = {
        "serving_default": {
            "inputs": {INPUTS: _tensor(dtype, (-1, *layout.shape))},
            "outputs": outputs,
            "method_name": "tensorflow/serving/predict",
        }
    }
    if layout.encoding is not None:
        columns = {
            column.name: _tensor("DT_STRING", (-1,))
            for column in layout.encoding.inputs
        }
        signatures["table"] = signatures["serving_default"] | {
            "inputs": columns
        }
    return {
        "model_spec": {
            "name": model.name,
            "signature_name": "",
            "version": str(model.version),
        },
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _tensor(dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    dims = [{"size": str(size), "name": ""} for size in shape]
    return {
        "dtype": dtype,
        "tensor_shape": {"dim": dims, "unknown_rank": False},
        "name": "",
    }
