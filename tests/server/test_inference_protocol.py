"""The Open Inference Protocol: tensors in JSON and in bytes."""

import json
import struct

import numpy as np
import pytest

from tests.runs import held_out_rows
from trainer import load
from trainer.server.inference_protocol import HEADER_LENGTH

DIGITS = "/v2/models/multiclass"
FLOWERS = "/v2/models/flowers/infer"


@pytest.fixture(scope="module")
def images(trained):
    return held_out_rows(load(trained("multiclass")).stored)[0][:3]


def tensor(x, datatype="UINT8", **more):
    told = {"name": "inputs", "shape": list(x.shape), "datatype": datatype}
    return told | ({"data": x.ravel().tolist()} | more)


def texts(name, *cells, **more):
    shape = [len(cells)]
    told = {"name": name, "shape": shape, "datatype": "BYTES"}
    return told | ({"data": list(cells)} | more)


def binary(server, path, value, *parts):
    head = json.dumps(value).encode()
    return server.ask(
        path, b"".join([head, *parts]), {HEADER_LENGTH: str(len(head))}
    )


def test_answers_are_those_of_tensorflow_servings_path(server, images):
    rows = server.ask(
        "/v1/models/multiclass:predict", {"instances": images.tolist()}
    ).value["predictions"]
    body = {"id": "seven", "inputs": [tensor(images)]}
    told = server.ask(f"{DIGITS}/infer", body).value
    numbers, classes = told.pop("outputs")
    assert told == {
        "model_name": "multiclass",
        "model_version": "0",
        "id": "seven",
    }
    assert numbers == {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": [3, 10],
        "data": [p for row in rows for p in row["probabilities"]],
    }
    assert classes["data"] == [row["class"] for row in rows]
    nested = tensor(images, "INT64", data=images.tolist())
    flat = tensor(images.reshape(3, -1), "FP64")
    for other in (nested, flat):
        again = server.ask(f"{DIGITS}/infer", {"inputs": [other]}).value
        assert again["outputs"] == [numbers, classes]


def test_binary_tensors_are_the_same(server, images):
    body = {"inputs": [tensor(images)]}
    plain = server.ask(f"{DIGITS}/infer", body).value["outputs"]
    sized = tensor(images, parameters={"binary_data_size": images.nbytes})
    del sized["data"]
    answer = binary(server, f"{DIGITS}/infer", {"inputs": [sized]}, images)
    assert answer.value["outputs"] == plain
    outputs = [
        {"name": "class", "parameters": {"binary_data": True}},
        {"name": "probabilities", "parameters": {"binary_data": True}},
    ]
    answer = server.ask(f"{DIGITS}/infer", body | {"outputs": outputs})
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers[HEADER_LENGTH])
    told = json.loads(answer.body[:length])["outputs"]
    sizes = [part["parameters"]["binary_data_size"] for part in told]
    assert sum(sizes) == len(answer.body) - length
    start = length + sizes[0]
    numbers = np.frombuffer(answer.body[start:], np.float32)
    np.testing.assert_array_equal(numbers, np.float32(plain[0]["data"]))
    first = plain[1]["data"][0].encode()
    packed = struct.pack("<I", len(first)) + first
    assert answer.body[length:].startswith(packed)
    whole = body | {"parameters": {"binary_data_output": True}}
    assert HEADER_LENGTH in server.ask(f"{DIGITS}/infer", whole).headers


def test_a_table_is_a_tensor_for_each_column_or_one_of_cells(server):
    told = server.ask(
        "/v1/models/flowers:predict",
        {"instances": [["1.5", "red"], ["2", "blue"]]},
    ).value["predictions"]
    expected = [row["class"] for row in told]
    colour = texts("colour", "red", "blue")
    numbers = {"name": "size", "shape": [2, 1], "datatype": "FP64"}
    cells = texts("cells", "1.5", "red", "2", "blue", shape=[2, 2])
    for inputs in (
        [texts("size", "1.5", "2"), colour],
        [numbers | {"data": [1.5, 2]}, colour],
        [cells],
    ):
        outputs = [{"name": "class"}]
        answer = server.ask(FLOWERS, {"inputs": inputs, "outputs": outputs})
        (classes,) = answer.value["outputs"]
        assert classes["data"] == expected
    packed = b"".join(
        struct.pack("<I", len(text)) + text
        for text in (b"1.5", b"red", b"2", b"blue")
    )
    sized = cells | {"parameters": {"binary_data_size": len(packed)}}
    answer = binary(server, FLOWERS, {"inputs": [sized]}, packed)
    assert answer.value["outputs"][1]["data"] == expected


def test_metadata_tells_the_tensors(server):
    told = server.ask(DIGITS).value
    assert told["inputs"] == [
        {"name": "inputs", "datatype": "UINT8", "shape": [-1, 8, 8]}
    ]
    assert [o["name"] for o in told["outputs"]] == ["probabilities", "class"]
    told = server.ask("/v2/models/flowers/versions/0").value
    assert [part["name"] for part in told["inputs"]] == ["size", "colour"]
    assert server.ask("/v2").value["extensions"] == ["binary_tensor_data"]
    for path, body in (
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (f"{DIGITS}/ready", {"name": DIGITS.rpartition("/")[2], "ready": True}),
    ):
        assert server.ask(path).value == body
    assert server.ask("/v2/models/none/ready").status == 404


ONE = np.zeros((1, 8, 8), np.uint8)
SIZE = {"parameters": {"binary_data_size": 64}}


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "'inputs', a list"),
        ([], "named 'inputs'; these are none"),
        ([7], "must be an object with a 'name'"),
        ([tensor(ONE), tensor(ONE)], "two of one name"),
        ([tensor(ONE, name="x")], "these are 'x'"),
        ([tensor(ONE, datatype="BF16")], "datatype='BF16'"),
        ([tensor(ONE, shape=[-1])], "shape=[-1]"),
        ([tensor(ONE, shape=[True])], "shape=[True]"),
        ([tensor(ONE, shape=[1] * 9)], "1 to 8"),
        ([tensor(ONE, shape=[2, 64])], "64 values, and shape [2, 64]"),
        ([tensor(ONE, shape=[2**31 - 1] * 8)], "64 values"),
        ([tensor(ONE, shape=[0, *[2**31 - 1] * 3], data=[])], "shape=[0"),
        ([tensor(ONE, datatype=["FP32"])], "datatype="),
        ([tensor(ONE, datatype={"a": 1})], "datatype="),
        ([tensor(ONE, data=None)], "no 'data'"),
        ([tensor(ONE, data=[300] * 64)], "UINT8 does not hold"),
        ([tensor(ONE, data=["7"] * 64)], "no numbers"),
        ([tensor(ONE, data=[[1], 2])], "is no array"),
        ([tensor(ONE, "FP32", data=[0.5] * 64)], "has 0.5 in row 0"),
        ([tensor(ONE, "FP16", data=[1e9] * 64)], "FP16 does not hold"),
        ([texts("inputs", "a")], "must be numbers"),
        ([tensor(ONE) | SIZE], "0 bytes are left"),
        ([tensor(np.zeros((101, 64), np.uint8))], "may have 100"),
        ([tensor(np.zeros((0, 64), np.uint8))], "has no rows"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(server, inputs, words):
    answer = server.ask(f"{DIGITS}/infer", {"inputs": inputs})
    assert answer.status == 400
    assert words in answer.error


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"id": 7}, "'id' must be a text"),
        ({"outputs": 7}, "'outputs' must be a list"),
        ({"outputs": [{"name": "x"}]}, "none of probabilities, class"),
        ({"outputs": [{"name": "class"}] * 9999}, "names 'class' twice"),
        ({"parameters": 7}, "must be an object"),
        ({"parameters": {"binary_data_output": 7}}, "true or false"),
    ],
)
def test_a_mistake_beside_the_inputs_is_told(server, more, words):
    answer = server.ask(f"{DIGITS}/infer", {"inputs": [tensor(ONE)]} | more)
    assert (answer.status, words in answer.error) == (400, True)


def test_bytes_that_are_no_tensor_are_told(server):
    value = {"inputs": [tensor(ONE) | SIZE]}
    short = binary(server, f"{DIGITS}/infer", value, b"\0" * 63)
    assert "63 bytes are left" in short.error
    long = binary(server, f"{DIGITS}/infer", value, b"\0" * 65)
    assert "1 bytes are left after" in long.error
    for header in ("-1", "x", "9" * 13, "999"):
        answer = server.ask(f"{DIGITS}/infer", value, {HEADER_LENGTH: header})
        assert (answer.status, HEADER_LENGTH in answer.error) == (400, True)
    cut = texts("colour", "red") | {"parameters": {"binary_data_size": 6}}
    for packed in (b"\7\0\0\0ab", b"\1\0\0\0\xff\0"):
        answer = binary(server, FLOWERS, {"inputs": [cut]}, packed)
        assert answer.status == 400 and "bytes that are no" in answer.error
