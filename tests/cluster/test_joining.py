"""Workers meet before they train: who is missing, and who differs."""

import concurrent.futures
import contextlib
import dataclasses
import json
import os
import socket
import time

import pytest

from tests import processes
from trainer.cluster import channel
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


def test_what_a_chief_left_that_was_killed_is_removed(tmp_path):
    old, of_another = (tmp_path / f".strata_probe_{n}" for n in (1, 2))
    for path in (old, of_another):
        path.touch()
    os.utime(old, (0, 0))
    assert meet(places(2), tmp_path) == [None, None]
    assert os.listdir(tmp_path) == [of_another.name]


def test_one_worker_meets_nobody(tmp_path):
    joining.join(Cluster(), FACTS, tmp_path, 0.0)


def test_a_pods_name_is_waited_for(tmp_path, monkeypatch, capsys):
    """A cluster's DNS learns of it some seconds after the pod's start."""
    ask, asked = socket.getaddrinfo, []

    def slow(*words, **more):
        asked.append(words)
        if len(asked) < 4:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return ask(*words, **more)

    monkeypatch.setattr(joining, "RETRY_SECS", 0.01)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    workers = places(2)
    assert meet(workers, tmp_path) == [None, None]
    assert "this worker, to be known" in capsys.readouterr().out


def test_a_name_that_nobody_knows_is_told_in_time(tmp_path, monkeypatch):
    def unknown(*words, **more):
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (raised,) = meet(places(2)[:1], tmp_path, secs=0.05)
    assert isinstance(raised, ClusterError)
    assert "cannot be resolved in 0 s (" in str(raised)


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
        # The chief may hang up on it first.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(text)
        return connection


HELLO = {"index": 1, "facts": FACTS, "unix_secs": 0.0}
STRANGERS = [
    b"",
    b"GET / HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"0" * 32 + b"\n",
    b"0" * 32 + b"\n" + b"0" * 64 + b" " + json.dumps(HELLO).encode() + b"\n",
    b"0" * 32 + b"\n" + b"x" * (2 * channel.MOST_BYTES),
    json.dumps(HELLO).encode() + b"\n",
    b"\xff\n",
    b"x" * (2 * channel.MOST_BYTES),
]


@pytest.mark.parametrize("text", STRANGERS, ids=lambda text: repr(text[-20:]))
def test_a_stranger_is_not_let_in(tmp_path, text):
    workers = places(2)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        chief = pool.submit(joining.join, workers[0], FACTS, tmp_path, 20.0)
        knock(workers[0].addresses[0], text).close()
        joining.join(workers[1], FACTS, tmp_path, 20.0)
        chief.result()


@contextlib.contextmanager
def chief_of(workers, workdir, secs=20.0):
    """Has a chief wait in a thread; gives what will be its result."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        yield pool.submit(joining.join, workers[0], FACTS, workdir, secs)


def speak(place):
    """Comes to the chief as a worker with the job's secret would."""
    connection = knock(place.addresses[0], b"")
    worker = channel.Channel(connection, joining._secret(place), is_chief=False)
    worker.wait(joining.Welcome, 20.0)
    return worker


@pytest.mark.parametrize(
    "hello",
    [
        {"index": 1},
        {**HELLO, "facts": [1]},
        {**HELLO, "unix_secs": "now"},
        {**HELLO, "index": 1e999},
        {**HELLO, "index": 0},
        {**HELLO, "index": 7},
        {**HELLO, "index": True},
        {**HELLO, "unix_secs": float("nan")},
        {
            **HELLO,
            "facts": {"a": json.loads("[" * 99 + "]" * 99)},
        },
        [],
        None,
    ],
    ids=repr,
)
def test_a_hello_that_is_none_ends_nobody(tmp_path, hello):
    workers = places(2)
    with chief_of(workers, tmp_path) as chief:
        worker = speak(workers[1])
        with worker.connection as connection:
            worker.send(hello)
            assert connection.recv(1) == b""  # it hung up
        joining.join(workers[1], FACTS, tmp_path, 20.0)
        chief.result()


def test_a_worker_that_dies_may_come_again(tmp_path):
    workers = places(3)
    with chief_of(workers, tmp_path) as chief:
        dead = speak(workers[1])
        dead.send(HELLO)
        dead.connection.close()
        join = (joining.join, FACTS, tmp_path)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for worker in workers[1:]:
                pool.submit(join[0], worker, *join[1:], 20.0)
        chief.result()


def of_job(place, secret):
    return dataclasses.replace(place, secret=secret)


def test_a_job_with_a_secret_meets(tmp_path):
    assert meet([of_job(p, b"a") for p in places(3)], tmp_path) == [None] * 3


@pytest.mark.parametrize("field", ["secret", "job", "addresses"])
def test_workers_of_two_jobs_do_not_meet_and_are_told(tmp_path, field):
    mine = places(2)
    others = {
        "secret": of_job(mine[1], b"another"),
        "job": dataclasses.replace(mine[1], job="another"),
        "addresses": dataclasses.replace(
            mine[1], addresses=(mine[1].addresses[0], places(1)[0].addresses[0])
        ),
    }
    chief, worker = meet([mine[0], others[field]], tmp_path, secs=1.0)
    assert isinstance(chief, ClusterError)
    assert f"worker 1 ({mine[1].addresses[1]}) did not come" in str(chief)
    assert "did not prove to be of this job, from 127.0.0.1" in str(chief)
    assert isinstance(worker, ClusterError)
    assert "it does not prove to be of this job" in str(worker)


def test_a_job_forms_among_another_jobs_workers(tmp_path):
    workers = places(2)
    with chief_of(workers, tmp_path) as chief:
        other = meet([of_job(workers[1], b"another")], tmp_path, secs=1.0)
        assert isinstance(other[0], ClusterError)
        assert meet(workers[1:], tmp_path) == [None]
        chief.result()


def test_who_trickles_is_hung_up_on(tmp_path, monkeypatch):
    monkeypatch.setattr(joining, "ANSWER_SECS", 1.0)
    workers = places(2)
    with chief_of(workers, tmp_path) as chief:
        with knock(workers[0].addresses[0], b"0") as connection:
            connection.recv(100)
            began = time.monotonic()
            with contextlib.suppress(OSError):
                while connection.recv(1):
                    connection.sendall(b"0")
        assert time.monotonic() - began < 10.0
        joining.join(workers[1], FACTS, tmp_path, 20.0)
        chief.result()


def test_few_strangers_are_held_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(joining, "MOST_UNPROVEN", 2)
    workers = places(2)
    with chief_of(workers, tmp_path) as chief, contextlib.ExitStack() as held:
        first, *_ = [
            held.enter_context(knock(workers[0].addresses[0], b""))
            for _ in range(20)
        ]
        while first.recv(100):
            pass
        joining.join(workers[1], FACTS, tmp_path, 20.0)
        chief.result()


def test_a_proof_does_not_serve_twice(tmp_path):
    workers = places(3)
    text = json.dumps(HELLO).encode()
    with chief_of(workers, tmp_path, secs=1.0) as chief:
        heard = speak(workers[1])
        line = heard._proof(False, 0, text) + b" " + text + b"\n"
        heard.connection.close()
        with knock(workers[0].addresses[0], heard._own + b"\n") as replayed:
            replayed.sendall(line)
            with contextlib.suppress(OSError):
                while replayed.recv(1000):
                    pass
        told = chief.exception()
    assert "worker 1" in str(told)


def test_a_secret_is_not_shown():
    assert "hidden" not in repr(of_job(places(2)[0], b"hidden"))
