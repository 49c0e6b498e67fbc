"""What a request may ask for, and what one that asks for more is told."""

import asyncio
import bz2
import gzip
import io
import lzma
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pyarrow import feather
from pyarrow import parquet
from starlette.requests import Request

from tests import asking
from trainer.server import app
from trainer.server import bodies
from trainer.server import handed_in
from trainer.server import tf_serving
from trainer.server.settings import Limits
from trainer.server.settings import Settings

PREDICT = "/v1/models/digits:predict"
ROW = np.zeros((8, 8), int).tolist()
TABLE = b"size,colour\n1.5,red\n"
AS_CSV = "/v1/models/flowers:predict", TABLE, {"content-type": "text/csv"}


def serving(place, **limits):
    settings = Settings(
        (("digits", str(place)),), limits=Limits(batch_rows=2, **limits)
    )
    return asking.serving(settings)


def head_of(length):
    return (
        f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def answer_to(server, data):
    """Returns what comes after some bytes, until the connection ends."""
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(60)
        client.sendall(data)
        found = b""
        while part := client.recv(2**16):
            found += part
        return found.decode()


def test_a_body_that_is_too_long_is_refused(exported):
    with serving(exported, request_bytes=400) as server:
        assert server.ask(PREDICT, {"instances": [ROW]}).status == 200
        told = server.ask(PREDICT, b" " * 401)
        assert (told.status, "400 bytes" in told.error) == (413, True)
        # One that does not say how long it is, and one that says too much.
        chunk = b"191\r\n" + b" " * 401 + b"\r\n"
        head = head_of(0).replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        )
        assert answer_to(server, head + chunk).startswith("HTTP/1.1 413 ")
        assert answer_to(server, head_of(10**30)).startswith("HTTP/1.1 4")


def test_a_body_that_does_not_come_is_not_waited_for(exported):
    with serving(exported, request_secs=0.05) as server:
        told = answer_to(server, head_of(10) + b"{")
        assert told.startswith("HTTP/1.1 408 ")
        assert "did not come within 0.05 s" in told


def test_bodies_together_hold_no_more_than_a_few(exported, monkeypatch):
    monkeypatch.setattr(bodies, "MOST_HELD", 1)
    with serving(exported, request_bytes=1000) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            other.sendall(head_of(1000) + b" " * 900)
            told = server.ask(PREDICT, {"instances": [ROW]})
            while told.status == 200:  # the other was not heard yet
                told = server.ask(PREDICT, {"instances": [ROW]})
            assert told.status == 429
            assert told.headers["retry-after"] == "1"
            assert "ask again" in told.error
        while server.ask(PREDICT, {"instances": [ROW]}).status != 200:
            pass


async def work_aside(held, size, work):
    """Does work on a body of a request."""

    async def received():
        return {"type": "http.request", "body": b" " * size}

    with held.held() as body:
        await body.receive(Request({"type": "http", "headers": []}, received))
        return await body.aside(work)


def test_few_long_bodies_are_read_at_once():
    held = bodies.Bodies(2**20)
    may_end, begun = threading.Event(), []

    def work():
        begun.append(threading.get_ident())
        assert may_end.wait(60)

    async def ask():
        long = bodies.SHORT_BYTES + 1
        asked = [work_aside(held, long, work) for _ in range(4)]
        tasks = [asyncio.create_task(each) for each in asked]
        while len(begun) < bodies.MOST_LONG:
            await asyncio.sleep(0)
        # Short ones are, too, meanwhile.
        await work_aside(held, 7, lambda: None)
        before = len(begun)
        may_end.set()
        await asyncio.gather(*tasks)
        return before

    assert asyncio.run(ask()) == bodies.MOST_LONG
    assert (len(begun), held.held_bytes) == (4, 0)


def test_a_body_is_held_until_its_thread_has_ended():
    may_end, ended = threading.Event(), threading.Event()
    held = bodies.Bodies(100)

    def work():
        assert may_end.wait(60)
        ended.set()

    async def ask():
        async with asyncio.timeout(0.01):
            await work_aside(held, 7, work)

    async def given_up():
        with pytest.raises(TimeoutError):
            await ask()
        before = held.held_bytes
        may_end.set()
        while held.held_bytes:
            await asyncio.sleep(0)
        return before

    assert asyncio.run(given_up()) == 7
    assert ended.is_set()


def test_a_body_that_is_packed_is_told_so(server):
    path, headers = "/v1/models/multiclass:predict", {}
    for packed, status in (("gzip", 415), ("identity", 200)):
        headers["content-encoding"] = packed
        told = server.ask(path, {"instances": [ROW]}, headers)
        assert told.status == status
    told = server.ask(path, b"\x1f\x8b", {"content-encoding": "gzip"})
    assert "packed (gzip); send it as it is" in told.error


@pytest.mark.parametrize("pack", [gzip, bz2, lzma, zstandard])
def test_a_table_that_is_packed_is_told_so(server, pack):
    path, table, headers = AS_CSV
    assert server.ask(path, table, headers).status == 200
    told = server.ask(path, pack.compress(table), headers)
    assert (told.status, told.error) == (
        415,
        "the body is packed; send it as it is",
    )


@pytest.mark.parametrize("write", [parquet.write_table, feather.write_feather])
def test_a_table_that_is_no_text_is_told_so(server, write):
    path, _, headers = AS_CSV
    body = io.BytesIO()
    write(pa.table({"size": [1.5], "colour": ["red"]}), body)
    told = server.ask(path, body.getvalue(), headers)
    assert told.status == 415
    assert told.error.endswith("Feather or Arrow; send its rows as CSV")


def test_others_are_heard_while_a_short_table_is_read(server, monkeypatch):
    is_asked, may_go_on = threading.Event(), threading.Event()
    read = handed_in.csv_rows

    def slow(*given):
        is_asked.set()
        assert may_go_on.wait(10)
        return read(*given)

    monkeypatch.setattr(handed_in, "csv_rows", slow)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(lambda: server.ask(*AS_CSV))
        assert is_asked.wait(60)
        assert server.ask("/v2/health/live").status == 200
        may_go_on.set()
        assert answer.result().status == 200


def test_an_answer_of_few_rows_and_many_values_is_written_aside(
    exported, monkeypatch
):
    threads, write = [], tf_serving.answers.in_rows

    def written(*given):
        threads.append(threading.get_ident())
        return write(*given)

    monkeypatch.setattr(tf_serving.answers, "in_rows", written)
    monkeypatch.setattr(app, "FEW_VALUES", 20)
    with serving(exported) as server:
        for rows in (1, 2, 3):
            told = server.ask(PREDICT, {"instances": [ROW] * rows})
            assert len(told.value["predictions"]) == rows
    own, still_own, other = threads
    assert own == still_own != other


def test_too_many_rows_are_told(exported):
    with serving(exported, request_rows=3) as server:
        assert server.ask(PREDICT, {"instances": [ROW] * 3}).status == 200
        told = server.ask(PREDICT, {"instances": [ROW] * 4})
        assert (told.status, "may have 3" in told.error) == (400, True)


@pytest.mark.parametrize("rows", [1, 300])
def test_a_fault_of_ours_is_told_as_one(exported, monkeypatch, rows):
    async def fail(self, x):
        await asyncio.sleep(0)
        raise RuntimeError("secret of ours")

    with serving(exported) as server:
        monkeypatch.setattr("trainer.server.batching.Batcher.outputs_of", fail)
        told = server.ask(PREDICT, {"instances": [ROW] * rows})
        assert (told.status, "secret" in told.error) == (500, False)
