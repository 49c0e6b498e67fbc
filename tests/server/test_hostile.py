"""Nothing that a client sends brings a traceback, a 500 or a stall."""

import contextlib
import json
import socket

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from trainer.server import openapi
from trainer.server.inference_protocol import HEADER_LENGTH

pytestmark = pytest.mark.fuzz

TENSORFLOW_SERVING = [
    f"/v1/models/{name}:{ask}"
    for name, ask in (
        ("multiclass", "predict"),
        ("multiclass", "classify"),
        ("flowers", "predict"),
        ("flowers", "classify"),
        ("regression", "regress"),
    )
]
INFER = ["/v2/models/multiclass/infer", "/v2/models/flowers/infer"]
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(), st.integers(-2, 20)
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=20))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.sampled_from(
                ["b64", "inputs", "cells", "size", "colour", "instances", "x"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)
CELLS = st.one_of(LEAVES, st.just({"b64": "cmVk"}), VALUES)
TABLE_ROWS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"size": CELLS, "colour": CELLS}),
        st.lists(CELLS, min_size=2, max_size=2),
    ),
    max_size=4,
)
IMAGES = st.lists(
    st.lists(st.one_of(st.integers(0, 255), LEAVES), min_size=64, max_size=64),
    max_size=3,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "instances": VALUES | TABLE_ROWS | IMAGES,
        "inputs": VALUES | TABLE_ROWS | IMAGES,
        "examples": TABLE_ROWS | VALUES,
        "context": VALUES,
        "signature_name": LEAVES | st.just("table"),
    },
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["inputs", "cells", "size", "colour"]) | LEAVES,
        "shape": st.lists(st.integers(-1, 70), max_size=3) | VALUES,
        "datatype": st.sampled_from(["UINT8", "FP32", "INT64", "BYTES"])
        | LEAVES,
    },
    optional={
        "data": st.lists(LEAVES, max_size=70) | VALUES,
        "parameters": st.fixed_dictionaries(
            {}, optional={"binary_data_size": NUMBERS}
        )
        | VALUES,
    },
)
INFERENCES = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=3) | VALUES},
    optional={"outputs": VALUES, "parameters": VALUES, "id": LEAVES},
)


def check(answer):
    """Refuses an answer that is neither one nor a sentence."""
    assert answer.status in (200, 400, 415), answer
    if answer.status != 200:
        assert answer.error
    elif not answer.headers["content-type"].startswith("application/octet"):
        assert answer.value


@given(path=st.sampled_from(TENSORFLOW_SERVING), body=BODIES | VALUES)
@settings(max_examples=200)
def test_any_json_is_answered(server, path, body):
    check(server.ask(path, json.dumps(body).encode()))


@given(
    path=st.sampled_from(INFER),
    body=INFERENCES,
    after=st.binary(max_size=200),
    length=st.none() | st.integers(0, 300) | st.text(max_size=5),
)
@settings(max_examples=200)
def test_any_tensors_are_answered(server, path, body, after, length):
    data = json.dumps(body).encode()
    value = str(len(data) if length is None else length)
    headers = {HEADER_LENGTH: value} if value.isascii() else {}
    with contextlib.suppress(ValueError):  # the client's own, of a header
        check(server.ask(path, data + after, headers))


@given(
    path=st.sampled_from([*TENSORFLOW_SERVING, *INFER]),
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "text/csv", "a/b"]),
)
@example(
    path="/v1/models/multiclass:predict", body=b"FEA1", kind="text/csv"
)  # Feather's first bytes
def test_any_bytes_are_answered(server, path, body, kind):
    check(server.ask(path, body, {"content-type": kind}))


@given(rows=st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=4))
def test_any_csv_is_answered(server, rows):
    text = "\n".join(",".join(row) for row in [["size", "colour"], *rows])
    with contextlib.suppress(UnicodeEncodeError):
        check(
            server.ask(
                "/v1/models/flowers:predict",
                text.encode(),
                {"content-type": "text/csv"},
            )
        )


@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "PUT"]))
def test_any_path_is_answered(server, path, method):
    quoted = "".join(f"%{byte:02x}" for byte in path.encode("utf8", "replace"))
    for start in ("/", "/v1/models/", "/v2/models/multiclass/"):
        answer = server.ask(start + quoted, method=method)
        assert answer.status in (200, 307, 404, 405)


def test_half_a_request_and_a_half_closed_socket_cost_nothing(server):
    for sent in (
        b"POST /v1/models/multiclass:predict HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /v1/models/multiclass:predict HTTP/1.1\r\n"
        b"Content-Length: 99\r\n\r\n{",
        b"POST /v1/models/multiclass:predict HTTP/1.1\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nffff\r\n{",
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.settimeout(60)
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while client.recv(1024):
                    pass
    assert server.ask("/v2/health/live").status == 200


def test_every_path_of_the_document_answers(server):
    document = server.ask("/openapi.json").value
    names = [
        model["name"] for model in server.ask("/v1/models").value["models"]
    ]
    assert document == openapi.document(names)
    for path, methods in document["paths"].items():
        asked = path.format(name="multiclass", version="0")
        for method, operation in methods.items():
            body = b"" if method == "post" else None
            answer = server.ask(asked, body)
            assert answer.status == (400 if method == "post" else 200), path
            assert str(answer.status) in operation["responses"]
