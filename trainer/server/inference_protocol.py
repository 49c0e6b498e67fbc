"""The Open Inference Protocol, version 2: its bodies and answers.

https://github.com/kserve/open-inference-protocol
"""

from typing import Any
from typing import NamedTuple

import msgspec
import numpy as np

from trainer.finished.trained_run import Layout
from trainer.problem.problem import Problem
from trainer.process.exits import UserError
from trainer.server import handed_in
from trainer.server import tensors
from trainer.server.answers import Asked
from trainer.server.catalogue import Model
from trainer.server.handed_in import CELLS
from trainer.server.handed_in import INPUTS
from trainer.server.tensors import Tensor
from trainer.version import __version__

HEADER_LENGTH = "inference-header-content-length"
EXTENSIONS = ("binary_tensor_data",)


class Body(NamedTuple):
    """The body of an answer.

    Attributes:
      data: JSON, and the bytes of binary tensors after it.
      json_bytes: how long the JSON is where there are such; else None.
    """

    data: bytes
    json_bytes: int | None


def infer(
    model: Model, body: bytes, json_bytes: str | None, most_rows: int
) -> Asked:
    """Reads a body of /infer.

    Args:
      model: that is asked.
      body: JSON, and the bytes of binary tensors after it.
      json_bytes: the header that says how long the JSON is.
      most_rows: of a request.

    Raises:
      UserError: it is no such body.
    """
    length = len(body) if json_bytes is None else _length(json_bytes, body)
    value = handed_in.parsed(body[:length])
    if not isinstance(value, dict) or not isinstance(value.get("inputs"), list):
        raise UserError("the body must be an object with 'inputs', a list")
    identity = value.get("id")
    if identity is not None and not isinstance(identity, str):
        raise UserError("'id' must be a text")
    reader = tensors.Reader(body[length:])
    given = [reader.read(part) for part in value["inputs"]]
    reader.end()
    rows = _rows(given, model.layout, most_rows)
    wanted = _wanted(value, model.problem)

    def answer(outputs: np.ndarray) -> Body:
        return _body(model, identity, wanted, outputs)

    return Asked(rows, answer)


def _length(header: str, body: bytes) -> int:
    if not header.isascii() or not header.isdecimal() or len(header) > 12:
        raise UserError(f"{HEADER_LENGTH}={header[:40]!r} must be a number")
    if int(header) > len(body):
        raise UserError(
            f"{HEADER_LENGTH}={header} is more than the body's {len(body)}"
            " bytes"
        )
    return int(header)


def _rows(given: list[Tensor], layout: Layout, most_rows: int) -> np.ndarray:
    by_name = {tensor.name: tensor.array for tensor in given}
    if len(by_name) != len(given):
        raise UserError("'inputs' has two of one name; leave one of them out")
    for name, array in by_name.items():
        handed_in.check_count(f"input {name[:40]!r}", len(array), most_rows)
    encoding = layout.encoding
    if encoding is None:
        if by_name.keys() != {INPUTS}:
            raise UserError(
                f"'inputs' must be one tensor, named {INPUTS!r}; these are"
                f" {', '.join(map(repr, by_name))[:80] or 'none'}"
            )
        value: Any = by_name[INPUTS]
        if value.dtype == object:
            raise UserError(f"input {INPUTS!r} must be numbers, and is texts")
    elif by_name.keys() == {CELLS}:
        value = by_name[CELLS].tolist()
    else:
        value = {name: _column(name, array) for name, array in by_name.items()}
    return handed_in.stored_rows("inputs", value, layout, most_rows)


def _column(name: str, array: np.ndarray) -> list[Any]:
    if array.shape not in ((len(array),), (len(array), 1)):
        raise UserError(
            f"input {name[:40]!r} has shape {list(array.shape)}; a column has"
            " [rows] or [rows, 1]"
        )
    return array.reshape(-1).tolist()


class _Wanted(NamedTuple):
    """An output that is asked for, and how."""

    name: str
    is_binary: bool


def _wanted(value: dict[str, Any], problem: Problem) -> list[_Wanted]:
    names = [tensor.name for tensor in _outputs(problem, _nothing(problem))]
    is_binary = _flag(value, "binary_data_output")
    asked = value.get("outputs")
    if asked is None or asked == []:
        return [_Wanted(name, is_binary) for name in names]
    if not isinstance(asked, list):
        raise UserError("'outputs' must be a list")
    found: list[_Wanted] = []
    for part in asked:
        name = part.get("name") if isinstance(part, dict) else None
        if name not in names:
            raise UserError(
                f"output {str(name)[:40]!r} is none of {', '.join(names)}"
            )
        if any(name == each.name for each in found):
            raise UserError(
                f"'outputs' names {name!r} twice; leave one of them out"
            )
        found.append(_Wanted(name, _flag(part, "binary_data", is_binary)))
    return found


def _flag(value: dict[str, Any], name: str, default: bool = False) -> bool:
    parameters = value.get("parameters")
    if parameters is None:
        return default
    found = (
        parameters.get(name, default) if isinstance(parameters, dict) else None
    )
    if not isinstance(found, bool):
        raise UserError(
            f"'parameters' must be an object, and {name!r} in it true or false"
        )
    return found


def _nothing(problem: Problem) -> np.ndarray:
    return np.zeros((0, problem.outputs), np.float32)


def _outputs(problem: Problem, outputs: np.ndarray) -> list[Tensor]:
    found = [Tensor(problem.output_name, outputs)]
    if problem.has_class:
        classes = [problem.say(answer) for answer in problem.decide(outputs)]
        found.append(Tensor("class", np.array(classes, object)))
    return found


def _body(
    model: Model,
    identity: str | None,
    wanted: list[_Wanted],
    outputs: np.ndarray,
) -> Body:
    found = {t.name: t for t in _outputs(model.problem, outputs)}
    parts, listed = [], []
    for name, is_binary in wanted:
        tensor = found[name]
        told = tensors.described(tensor, len(outputs))
        if is_binary:
            data = tensors.as_bytes(tensor)
            parts.append(data)
            told["parameters"] = {tensors.BINARY_SIZE: len(data)}
        else:
            told["data"] = tensors.as_json(tensor)
        listed.append(told)
    value = {
        "model_name": model.name,
        "model_version": str(model.version),
        **({} if identity is None else {"id": identity}),
        "outputs": listed,
    }
    head = msgspec.json.encode(value)
    return Body(b"".join([head, *parts]), len(head) if parts else None)


def server_metadata() -> dict[str, Any]:
    """Returns what GET /v2 says."""
    return {
        "name": "strata",
        "version": __version__,
        "extensions": list(EXTENSIONS),
    }


def model_metadata(model: Model) -> dict[str, Any]:
    """Returns what GET /v2/models/NAME says: its tensors."""
    layout, problem = model.layout, model.problem
    if layout.encoding is None:
        blank = np.zeros((0, *layout.shape), layout.dtype)
        inputs = [tensors.described(Tensor(INPUTS, blank))]
    else:
        texts = np.array([], object)
        inputs = [
            tensors.described(Tensor(column.name, texts))
            for column in layout.encoding.inputs
        ]
    outputs = _outputs(problem, _nothing(problem))
    return {
        "name": model.name,
        "versions": [str(model.version)],
        "platform": f"strata_{model.runtime}",
        "inputs": inputs,
        "outputs": [tensors.described(tensor) for tensor in outputs],
    }
