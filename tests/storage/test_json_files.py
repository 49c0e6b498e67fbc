"""JSON that is read back is what was written, or refused in words."""

import json
from typing import TypedDict

import pytest

from trainer.storage.json_files import CHECKSUM
from trainer.storage.json_files import DamagedError
from trainer.storage.json_files import opened
from trainer.storage.json_files import sealed


class Shape(TypedDict):
    """What the tests write."""

    step: int
    names: list[str]


VALUE = {"step": 3, "names": ["oak", "yew"], "more": {"a": 0.1}}


def text_of(value):
    return json.dumps(value, indent=2).encode()


def test_what_was_sealed_is_read():
    found = opened(text_of(sealed(VALUE)), Shape)
    assert found == (VALUE, True)
    assert list(sealed(VALUE)) == [*VALUE, CHECKSUM]


def test_an_earlier_versions_file_is_read():
    assert opened(text_of(VALUE), Shape) == (VALUE, False)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"oak", b"elm"), (b'"step": 3', b'"step": 4'), (b'"a"', b'"b"')],
)
def test_a_value_that_was_altered_is_seen(old, new):
    data = text_of(sealed(VALUE)).replace(old, new)
    with pytest.raises(DamagedError, match="does not match its checksum"):
        opened(data, Shape)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no JSON"),
        (b'{"step": 3', "no JSON"),
        (b"\xff{}", "no UTF-8"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"step": 3}', "missing required field `names`"),
        (b'{"step": "3", "names": []}', "Expected `int`, got `str`"),
        (b'{"step": 3, "names": [], "a": NaN}', "NaN is no finite"),
        (b'{"step": 3, "names": [], "a": 1e999}', "1e999 is no finite"),
        (b'{"step": 3, "names": [], "\\ud800": 1}', "no Unicode"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "too deeply"),
        (b"[" * 10**5, "too deeply"),
        (b'{"step": 3, "names": [], "checksum": [1]}', "its checksum"),
    ],
)
def test_what_is_damaged_is_told(data, words):
    with pytest.raises(DamagedError, match=words):
        opened(data, Shape)
