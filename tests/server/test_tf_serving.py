"""TensorFlow Serving's paths: its bodies, and the answers of predict."""

import base64
import csv
import difflib

import numpy as np
import pytest

from tests.runs import held_out_rows
from tests.runs import OF_VALUES
from tests.runs import TRAINED
from trainer import load
from trainer.server import handed_in
from trainer.server.app import BATCH_HEADER

PREDICT = "/v1/models/multiclass:predict"


@pytest.fixture(scope="module")
def digits(trained):
    return load(trained("multiclass"))


@pytest.fixture(scope="module")
def images(digits):
    return held_out_rows(digits.stored)[0]


@pytest.mark.parametrize("problem", TRAINED)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_answers_are_those_of_predict_to_the_bit(
    server, trained, problem, count
):
    model = load(trained(problem))
    x = held_out_rows(model.stored)[0][:count]
    answer = server.ask(
        f"/v1/models/{problem}:predict", {"instances": x.tolist()}
    )
    assert answer.status == 200
    rows = answer.value["predictions"]
    name = model.stored.problem.output_name
    numbers = [r[name] if isinstance(r, dict) else r for r in rows]
    size = int(answer.headers[BATCH_HEADER])
    first = slice(0, size)
    expected = model.predict(x[first], batch_size=size)
    found = np.array(numbers, np.float32)
    np.testing.assert_array_equal(found[first], expected)
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-5, atol=1e-6)
    if problem not in OF_VALUES:
        stored = model.stored.problem
        told = [{k: v for k, v in row.items() if k != name} for row in rows]
        assert told == list(map(stored.answer_json, model.classes(x)))


def test_columns_named_tensors_and_bytes_are_the_same_rows(server, images):
    x = images[:2]
    rows = server.ask(PREDICT, {"instances": x.tolist()}).value["predictions"]
    expected = {name: [row[name] for row in rows] for name in rows[0]}
    for body in (
        {"inputs": x.tolist()},
        {"inputs": {"inputs": x.reshape(2, -1).tolist()}},
    ):
        assert server.ask(PREDICT, body).value == {"outputs": expected}
    texts = [base64.b64encode(row.tobytes()).decode() for row in x]
    for instances in (
        [{"inputs": row} for row in x.tolist()],
        [{"b64": text} for text in texts],
        [{"inputs": {"b64": text}} for text in texts],
    ):
        body = {"instances": instances, "signature_name": "serving_default"}
        assert server.ask(PREDICT, body).value == {"predictions": rows}


def test_a_tables_rows_have_the_files_own_columns_and_cells(server, flowers):
    workdir, table = flowers
    with open(table, newline="") as file:
        cells = list(csv.DictReader(file))[:5]
    path = "/v1/models/flowers:predict"
    rows = server.ask(path, {"instances": cells}).value["predictions"]
    np.testing.assert_array_equal(
        np.array([row["probabilities"] for row in rows], np.float32),
        load(workdir).predict(cells, batch_size=8),
    )
    names = ["size", "colour"]
    columns = {name: [row[name] for row in cells] for name in names}
    listed = [[row[name] for name in names] for row in cells]
    coded = [
        {n: {"b64": base64.b64encode(row[n].encode()).decode()} for n in names}
        for row in cells
    ]
    for body in (
        {"instances": listed},
        {"instances": [{"cells": row} for row in listed]},
        {"instances": coded, "signature_name": "table"},
    ):
        assert server.ask(path, body).value["predictions"] == rows
    for inputs in (columns, {"cells": listed}):
        found = server.ask(path, {"inputs": inputs}).value["outputs"]
        assert found["class"] == [row["class"] for row in rows]
    text = "\n".join(table.read_text().splitlines()[:6]).encode()
    answer = server.ask(path, text, {"content-type": "text/csv"})
    assert answer.value["predictions"] == rows


def test_numbers_and_nulls_are_cells_too(server):
    path = "/v1/models/flowers:predict"
    texts = [{"size": "1.5", "colour": "red"}, {"size": "NA", "colour": ""}]
    values = [{"size": 1.5, "colour": "red"}, {"size": None, "colour": None}]
    assert (
        server.ask(path, {"instances": values}).value
        == server.ask(path, {"instances": texts}).value
    )


def test_classes_are_scored(server, images):
    row = images[0].tolist()
    answer = server.ask(
        "/v1/models/multiclass:classify", {"examples": [{"inputs": row}]}
    )
    (told,) = server.ask(PREDICT, {"instances": [row]}).value["predictions"]
    (scores,) = answer.value["results"]
    assert dict(scores) == dict(
        zip(map(str, range(10)), told["probabilities"], strict=True)
    )
    two = {"examples": [{"colour": "red"}], "context": {"size": "1"}}
    (scores,) = server.ask("/v1/models/flowers:classify", two).value["results"]
    assert [name for name, _ in scores] == ["oak", "yew"]
    assert sum(p for _, p in scores) == pytest.approx(1)


@pytest.mark.parametrize(
    ("context", "examples", "words"),
    [
        ({f"c{n}": 1 for n in range(40_000)}, 100, "'context' has"),
        ({"size": " " * 2**18}, 100, "'context' has"),
        ({"size": 1}, 101, "a request may have 100"),
    ],
)
def test_a_context_takes_no_more_than_its_examples_would(
    server, monkeypatch, context, examples, words
):
    monkeypatch.setattr(handed_in, "stored_rows", None)
    body = {"examples": [{"colour": "red"}] * examples, "context": context}
    answer = server.ask("/v1/models/flowers:classify", body)
    assert (answer.status, words in answer.error) == (400, True)


def test_a_value_is_a_number(server, trained):
    row = held_out_rows(load(trained("regression")).stored)[0][0].tolist()
    answer = server.ask(
        "/v1/models/regression:regress", {"examples": [{"inputs": row}]}
    )
    (value,) = answer.value["results"]
    told = server.ask(
        "/v1/models/regression:predict", {"instances": [row]}
    ).value
    assert told == {"predictions": [[value]]}


def test_state_and_metadata_are_as_tensorflow_servings(server):
    for path in ("/v1/models/multiclass", "/v1/models/multiclass/versions/0"):
        (state,) = server.ask(path).value["model_version_status"]
        assert state == {
            "version": "0",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    told = server.ask("/v1/models/multiclass/metadata").value
    assert told["model_spec"]["name"] == "multiclass"
    signatures = told["metadata"]["signature_def"]["signature_def"]
    tensor = signatures["serving_default"]["inputs"]["inputs"]
    assert tensor["dtype"] == "DT_UINT8"
    sizes = [dim["size"] for dim in tensor["tensor_shape"]["dim"]]
    assert sizes == ["-1", "8", "8"]
    told = server.ask("/v1/models/flowers/metadata").value
    signatures = told["metadata"]["signature_def"]["signature_def"]
    assert list(signatures["table"]["inputs"]) == ["size", "colour"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b'{"instances": [NaN]}', "NaN"),
        (b"\xff", "is no JSON"),
        (b"[" * 10_000, "is no JSON"),
        ([], "must be an object"),
        ({}, "must have 'instances'"),
        ({"instances": [], "inputs": []}, "not both"),
        ({"instances": {}}, "must be a list of rows"),
        ({"instances": []}, "has no rows"),
        ({"inputs": []}, "has no rows"),
        ({"instance": []}, "did you mean 'instances'?"),
        ({"instances": [1], "signature_name": "x"}, "signature_name='x'"),
        ({"instances": [[1, 2]]}, r"shape \(1, 2\); the run takes"),
        ({"instances": [[0.5] * 64]}, "has 0.5 in row 0"),
        ({"instances": [[256] * 64]}, "has 256 in row 0"),
        ({"instances": [[10**400] * 64]}, "dtype object|is no JSON"),
        ({"instances": [[None] * 64]}, "dtype object"),
        ({"instances": [["7"] * 64]}, "a text where a row or a number"),
        ({"instances": [[0] * 64, [0]]}, "is no array"),
        ({"instances": [{"b64": "AAAA"}]}, "3 bytes; the run takes 64"),
        ({"instances": [{"b64": "!"}]}, "is no base64"),
        ({"instances": [{"b64": 7}]}, "is no base64"),
        ({"instances": [[0] * 64] * 101}, "a request may have 100"),
        ({"inputs": {"pixels": []}}, "is an object"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(server, body, words):
    answer = server.ask(PREDICT, body)
    assert answer.status == 400
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(answer.error)


def test_a_long_key_is_not_compared_to_its_end(server, monkeypatch):
    compared, nearest = [], difflib.get_close_matches

    def compare(word, *given):
        compared.append(len(word))
        return nearest(word, *given)

    monkeypatch.setattr(difflib, "get_close_matches", compare)
    answer = server.ask(PREDICT, {"instances" * 10**6: []})
    assert answer.error.endswith("did you mean 'instances'?")
    assert max(compared) < 100


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"size": "1"}], "lacks the column 'colour'"),
        ([{"size": "1", "colour": "red"}, {}], "row 1 and row 0"),
        ([{"size": "big", "colour": "red"}], "row 0, column 'size' has 'big'"),
        ([{"size": {"a": 1}, "colour": "red"}], "an object where a cell"),
        ([{"size": [1], "colour": "red"}], "a list where a cell"),
        ([["1"]], "rows of 1 cells; the run takes 2: size, colour"),
        ([{"size": {"b64": "/w=="}, "colour": "red"}], "no UTF-8"),
    ],
)
def test_a_wrong_cell_is_named(server, rows, words):
    answer = server.ask("/v1/models/flowers:predict", {"instances": rows})
    assert answer.status == 400
    assert words in answer.error


@pytest.mark.parametrize("column", [None, 1, "ab"])
def test_a_column_that_is_no_list_is_named(server, column):
    inputs = {"size": column, "colour": ["red", "blue"]}
    answer = server.ask("/v1/models/flowers:predict", {"inputs": inputs})
    assert answer.status == 400
    assert "column 'size' is" in answer.error


def test_a_wrong_question_is_told(server):
    for problem, ask, words in (
        ("regression", "classify", "problem is 'regression'"),
        ("multiclass", "regress", "problem is 'multiclass'"),
    ):
        answer = server.ask(
            f"/v1/models/{problem}:{ask}", {"examples": [{"inputs": []}]}
        )
        assert (answer.status, words in answer.error) == (400, True)
    for path, status in (
        ("/v1/models/none:predict", 404),
        ("/v1/models/multiclass/versions/7:predict", 404),
        ("/v1/models/multiclass:guess", 404),
        ("/nowhere", 404),
    ):
        assert server.ask(path, {}).status == status
        assert server.ask(path, {}).error
    assert server.ask(PREDICT).status == 405
