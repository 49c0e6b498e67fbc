"""Workers meet before they train: who is missing, and who differs."""

import concurrent.futures
import contextlib
import json
import pathlib
import socket

import pytest

from tests import processes
from trainer.cluster import joining
from trainer.cluster.place import Cluster
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError

FACTS = {"config.seed": 1, "code": "abc"}


def places(workers):
    ports = processes.free_ports(workers)
    addresses = tuple(f"127.0.0.1:{port}" for port in ports)
    return [Cluster(addresses, index) for index in range(workers)]


def meet(workers, workdir, *, facts=None, folders=None, secs=20.0):
    """Joins all given (place) in threads; returns what each one raised."""
    facts, folders = facts or {}, folders or {}

    def join(place):
        own = facts.get(place.index, FACTS)
        joining.join(place, own, folders.get(place.index, workdir), secs)

    with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
        futures = [pool.submit(join, place) for place in workers]
        return [future.exception() for future in futures]


def test_workers_that_agree_part_without_a_trace(tmp_path):
    assert meet(places(3), tmp_path / "new" / "run") == [None] * 3
    assert list(tmp_path.iterdir()) == []


def test_one_worker_meets_nobody(tmp_path):
    joining.join(Cluster(), FACTS, tmp_path, 0.0)


@pytest.mark.parametrize("field", ["config.seed", "code"])
def test_a_worker_that_differs_is_named_with_the_field(tmp_path, field):
    workers = places(3)
    told = meet(workers, tmp_path, facts={2: {**FACTS, field: "other"}})
    for error in told:
        assert isinstance(error, UserError)
        assert f"worker 2 ({workers[2].addresses[2]})" in str(error)
        assert f"has {field}=other where the chief has" in str(error)


def test_a_missing_worker_is_named_with_its_address(tmp_path):
    workers = places(3)
    told = meet(workers[:2], tmp_path, secs=1.0)
    for error in told:
        assert isinstance(error, ClusterError)
        assert f"worker 2 ({workers[2].addresses[2]})" in str(error)
        assert "worker 1" not in str(error)


def test_a_missing_chief_is_named_with_its_address(tmp_path):
    workers = places(2)
    (error,) = meet(workers[1:], tmp_path, secs=1.0)
    assert isinstance(error, ClusterError)
    assert f"worker 0 ({workers[0].addresses[0]})" in str(error)
    assert "refused" in str(error)


def test_an_address_that_is_taken_is_told(tmp_path):
    workers = places(2)
    with socket.socket() as taken:
        host, port = workers[1].addresses[1].split(":")
        taken.bind((host, int(port)))
        taken.listen()
        (error,) = meet(workers[1:], tmp_path)
    assert isinstance(error, ClusterError)
    assert "cannot be listened on" in str(error)


def test_a_workdir_that_is_not_shared_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(joining, "SEE_SECS", 0.5)
    (tmp_path / "own").mkdir()
    told = meet(places(2), tmp_path / "run", folders={1: tmp_path / "own/run"})
    for error in told:
        assert isinstance(error, UserError)
        assert "worker 1" in str(error)
        assert "a folder that all workers share" in str(error)


def test_clocks_that_differ_are_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(joining, "CLOCKS_APART_SECS", -1.0)
    assert meet(places(2), tmp_path) == [None, None]
    assert "WARNING: the clock of worker 1" in capsys.readouterr().out


def knock(address, text):
    """Says something to a chief, once it listens; returns the socket."""
    host, port = address.split(":")
    while True:
        try:
            connection = socket.create_connection((host, int(port)))
        except ConnectionRefusedError:
            continue
        connection.sendall(text)
        return connection


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"[]\n",
        b"{}\n",
        b'{"index": 7, "facts": {}, "unix_secs": 0}\n',
        b'{"index": 0, "facts": {}, "unix_secs": 0}\n',
        b"\xff\n",
        b"x" * (2 * joining.MOST_BYTES),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_a_stranger_is_not_let_in(tmp_path, text):
    workers = places(2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        chief = pool.submit(joining.join, workers[0], FACTS, tmp_path, 20.0)
        # The chief may hang up on it first.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            knock(workers[0].addresses[0], text).close()
        joining.join(workers[1], FACTS, tmp_path, 20.0)
        chief.result()


def test_a_worker_that_dies_may_come_again(tmp_path):
    workers = places(3)
    told = {"index": 1, "facts": FACTS, "unix_secs": 0.0}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        join = (joining.join, FACTS, pathlib.Path(tmp_path))
        chief = pool.submit(join[0], workers[0], *join[1:], 20.0)
        knock(
            workers[0].addresses[0], json.dumps(told).encode() + b"\n"
        ).close()
        others = [pool.submit(join[0], w, *join[1:], 20.0) for w in workers[1:]]
        assert [each.result() for each in (chief, *others)] == [None] * 3
