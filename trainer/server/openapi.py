"""The paths as an OpenAPI document, which clients and testers read."""

from typing import Any

from trainer.version import __version__

_CLIENT = {
    "400": "The request cannot be answered; the sentence says why.",
    "401": "The token is missing or wrong.",
    "403": "A web page of another place asks.",
    "404": "There is no such model, or not this version.",
    "408": "The body came too slowly.",
    "413": "The body is too long.",
    "415": "The body is packed, or Parquet, Feather or Arrow.",
    "421": "The Host header names another machine.",
    "429": "Too many requests wait; ask again after Retry-After seconds.",
    "504": "There was no answer in time.",
}
_ERROR = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}
_CELL = {"type": ["string", "number", "null", "object"]}
_ROW = {
    "oneOf": [
        {"type": "number"},
        {"type": "array"},
        {"type": "object", "additionalProperties": True},
    ]
}
_EXAMPLES = {
    "type": "object",
    "properties": {
        "examples": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": _CELL},
            "minItems": 1,
        },
        "context": {"type": "object"},
        "signature_name": {"type": "string"},
    },
    "required": ["examples"],
}
_PREDICT = {
    "type": "object",
    "properties": {
        "instances": {"type": "array", "items": _ROW, "minItems": 1},
        "inputs": {"type": ["array", "object"]},
        "signature_name": {"type": "string"},
    },
}
_TENSOR = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
    "required": ["name", "datatype", "shape"],
}
_INFER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": _TENSOR},
        "outputs": {"type": "array", "items": {"type": "object"}},
        "parameters": {"type": "object"},
    },
    "required": ["inputs"],
}
_V1 = "/v1/models/{name}"
_V2 = "/v2/models/{name}"


def document(names: list[str]) -> dict[str, Any]:
    """Returns the document.

    Args:
      names: of the models that are served.
    """
    paths: dict[str, Any] = {}
    for suffix in ("", "/versions/{version}"):
        v1, v2 = _V1 + suffix, _V2 + suffix
        paths |= {
            f"{v1}:predict": _post(v1, "Predict, by rows or columns", _PREDICT),
            f"{v1}:classify": _post(v1, "Score classes", _EXAMPLES),
            f"{v1}:regress": _post(v1, "Predict one value a row", _EXAMPLES),
            v1: _get(v1, "State of the versions"),
            f"{v1}/metadata": _get(v1, "Tensors, as TensorFlow Serving"),
            f"{v2}/infer": _post(v2, "Predict, by tensors", _INFER),
            v2: _get(v2, "Tensors, as the Open Inference Protocol"),
            f"{v2}/ready": _get(v2, "Whether it can be asked"),
        }
    paths |= {
        "/v1/models": _get("", "What is served"),
        f"{_V1}/about": _get(_V1, "What a model is, for people"),
        "/v2": _get("", "The server's name and version"),
        "/v2/health/live": _get("", "Whether it runs"),
        "/v2/health/ready": _get("", "Whether it can be asked"),
        "/metrics": _get("", "Numbers for Prometheus"),
        "/openapi.json": _get("", "This document"),
        "/": _get("", "The page to try it on"),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "strata serve", "version": __version__},
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": _ERROR,
                "name": {"type": "string", "enum": names},
                "version": {"type": "string"},
            },
        },
    }


def _get(path: str, summary: str) -> dict[str, Any]:
    return {"get": _operation(path, summary)}


def _post(path: str, summary: str, schema: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if schema is _PREDICT:
        content["text/csv"] = {"schema": {"type": "string"}}
    if schema is _INFER:
        content["application/octet-stream"] = {"schema": {}}
    body = {"required": True, "content": content}
    return {"post": _operation(path, summary) | {"requestBody": body}}


def _operation(path: str, summary: str) -> dict[str, Any]:
    names = [name for name in ("name", "version") if f"{{{name}}}" in path]
    error = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}
    }
    return {
        "summary": summary,
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"$ref": f"#/components/schemas/{name}"},
            }
            for name in names
        ],
        "responses": {
            "200": {"description": "The answer."},
            **{
                code: {"description": text, "content": error}
                for code, text in _CLIENT.items()
            },
        },
    }
