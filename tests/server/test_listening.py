"""The server's process: its flags, its end, its workers and its patience."""

import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from typing import Any

import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from uvicorn.server import ServerState
from uvicorn.supervisors.multiprocess import SIGNALS

from tests import asking
from tests import processes
from tests.faults import jobs
from trainer.process.exits import UserError
from trainer.server import app
from trainer.server import command_line
from trainer.server import listening
from trainer.server import patience
from trainer.server.settings import Address
from trainer.server.settings import FOLDER_VARIABLE
from trainer.server.settings import Settings

TOKEN = "a-token-of-some-length"


def settings_of(*words):
    return command_line.settings_of(command_line.parse(list(words)))


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--host=0.0.0.0"], "--token_file that they must know"),
        (["--host=no.such.name.invalid"], "is no address"),
        (["--host=.foo"], "--host=.foo is no address (no machine can"),
        (["--max_batch_rows=0"], "--max_batch_rows=0 must be more than 0"),
        (["--timeout_secs=nan"], "--timeout_secs=nan must be more than 0"),
        (["--timeout_secs=inf"], "--timeout_secs=inf must be more than 0"),
        (["--batch_wait_ms=-1"], "--batch_wait_ms=-1 must be 0 or more"),
        (["--workers=0"], "--workers=0 must be more than 0"),
        (["--token_file=/no/such"], "cannot be read"),
        (["--token_file=/dev/null"], "by others; name a file of your own"),
        (["b/run"], "are both named 'run'; name one: NAME="),
        (["a:b"], "'a:b' cannot be a model's name"),
        (["=digits"], "'' cannot be a model's name"),
    ],
)
def test_a_flag_that_breaks_its_rule_is_named(words, rule):
    with pytest.raises(UserError) as told:
        settings_of("a/run", *words)
    assert rule in str(told.value)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--port=65536"], "from 0 to 65535"),
        (["--tls_key=a"], "go together"),
        (["--tls_certificate=/a", "--tls_key=/b"], "are no certificate"),
    ],
)
def test_an_address_that_breaks_its_rule_is_named(words, rule):
    with pytest.raises(UserError) as told:
        command_line.address_of(command_line.parse(["a", *words]))
    assert rule in str(told.value)


def test_beyond_this_machine_it_takes_a_token_or_a_word(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    words = ("a", "--host=0.0.0.0", f"--token_file={path}")
    with pytest.raises(UserError, match="chmod 600"):
        settings_of(*words)
    path.chmod(0o600)
    found = settings_of(*words)
    assert (found.token, found.is_local) == (TOKEN, False)
    assert TOKEN not in repr(found)
    assert not settings_of("a", "--host=0.0.0.0", "--insecure").is_local
    path.write_text("short")
    with pytest.raises(UserError, match="16 characters"):
        settings_of(*words)


def test_names_are_the_folders_or_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("a=b").mkdir()
    found = settings_of("runs/digits", "new=runs/digits/", "a=b").places
    assert dict(found).keys() == {"digits", "new", "a=b"}


@asking.lasting
async def heard(scope, receive, send):
    """An application that answers all, and echoes what it is sent."""
    body = b""
    if scope["method"] == "POST":
        body = await Request(scope, receive).body()
    await PlainTextResponse(b"heard" + body)(scope, receive, send)


@pytest.fixture
def port():
    with asking.answering(heard, Settings(())) as server:
        yield server.port


@pytest.fixture
def hurried(monkeypatch, port):
    """A port where headers must come at once."""
    monkeypatch.setattr(patience, "HEADER_SECS", 0.05)
    return port


def rest_of(connection):
    """Returns what comes until the other side ends the connection."""
    connection.settimeout(20)
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(2**16):
            found += part
    return found


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"]
)
def test_headers_that_do_not_come_end_the_connection(hurried, sent):
    with socket.create_connection(("127.0.0.1", hurried)) as client:
        client.sendall(sent)
        assert rest_of(client) == b""


def refused(client):
    """Sends the head of a request, and returns once it is answered."""
    client.settimeout(20)
    client.sendall(
        b"PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n"
    )
    found = b""
    while not found.endswith(b"heard"):
        part = client.recv(2**16)
        assert part
        found += part


def test_the_rest_of_what_was_refused_must_come_soon(port, monkeypatch):
    monkeypatch.setattr(patience, "HEADER_SECS", 1.0)
    with socket.create_connection(("127.0.0.1", port)) as client:
        for rest in (b"ab", b"a"):
            refused(client)
            client.sendall(rest)
        assert rest_of(client) == b""


def test_a_connection_is_kept_once_the_rest_of_what_was_refused_came(
    port, monkeypatch
):
    monkeypatch.setattr(patience, "HEADER_SECS", 1.0)
    with socket.create_connection(("127.0.0.1", port)) as client:
        refused(client)
        client.sendall(b"ab")
        time.sleep(2)
        refused(client)


@pytest.mark.parametrize("rest", [b"ab", b"ab\r\n"])
def test_a_connection_is_not_kept_for_ever_then(monkeypatch, rest):
    monkeypatch.setattr(patience, "HEADER_SECS", 600)
    monkeypatch.setattr(listening, "IDLE_SECS", 1)
    with (
        asking.answering(heard, Settings(())) as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        refused(client)
        client.sendall(rest)
        assert rest_of(client) == b""


def test_a_second_request_that_stops_ends_the_connection(hurried):
    sent = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /"
    with socket.create_connection(("127.0.0.1", hurried)) as client:
        client.sendall(sent)
        # On a busy machine the first may come too late, too.
        found = rest_of(client)
        assert not found or found.endswith(b"heard")


@pytest.mark.parametrize(
    "start", [b"GET /" + b"a" * 2**17, b"GET / HTTP/1.1\r\nA: " + b"b" * 2**17]
)
def test_headers_without_end_are_refused(port, start):
    with socket.create_connection(("127.0.0.1", port)) as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(start)
        found = rest_of(client)
        assert not found or found.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "sent",
    [b"\0\1\2\3", b"NONSENSE / HTTP/9.9\r\n\r\n", b"GET \xff HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_http_is_refused(port, sent):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        assert rest_of(client).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("size", [1, 7, 2**16])
def test_an_offer_of_another_protocol_is_left_aside(port, size):
    head = (
        b" / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade,"
        b" HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    )
    sent = b"POST" + head + b"Content-Length: 6\r\n\r\n a row"
    sent += b"POST" + head + b"Transfer-Encoding: chunked\r\n\r\n"
    sent += b"6\r\n chunk\r\n0\r\n\r\nGET" + head + b"\r\n"
    sent += b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        for start in range(0, len(sent), size):
            client.sendall(sent[start : start + size])
        found = rest_of(client)
    answers = found.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [
        b"heard a row",
        b"heard chunk",
        b"heard",
        b"heard",
    ]


def test_a_tunnel_is_refused(port):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"CONNECT a:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert rest_of(client).startswith(b"HTTP/1.1 400 ")


MORE_THAN_THE_SYSTEM_HOLDS = bytes(2**26)


@pytest.fixture
def ends(monkeypatch):
    """Is set once the server is rid of a connection."""
    found = threading.Event()
    lost = patience.PatientProtocol.connection_lost

    def connection_lost(protocol, exc):
        lost(protocol, exc)
        found.set()

    monkeypatch.setattr(
        patience.PatientProtocol, "connection_lost", connection_lost
    )
    return found


@pytest.mark.parametrize("requests", [1, 2])
@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"])
def test_who_does_not_read_the_answer_is_left(
    monkeypatch, ends, header, requests
):
    monkeypatch.setattr(patience, "READ_SECS", 0.2)
    monkeypatch.setattr(listening, "IDLE_SECS", 1)
    head = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    large = asking.lasting(PlainTextResponse(MORE_THAN_THE_SYSTEM_HOLDS))
    with (
        asking.answering(large, Settings(())) as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.sendall((head + header + b"\r\n") * requests)
        assert ends.wait(20)
        assert len(rest_of(client)) < len(MORE_THAN_THE_SYSTEM_HOLDS)


class Unread:
    """A transport that tells of so many bytes, one time after another."""

    def __init__(self, *sizes):
        self.sizes = list(sizes)
        self.is_ended = False

    def get_write_buffer_size(self):
        return self.sizes.pop(0)

    def abort(self):
        self.is_ended = True


MUCH = 10 * patience.READ_BYTES


@pytest.mark.parametrize(
    ("sizes", "is_ended"),
    [
        ([0, MUCH, MUCH - patience.READ_BYTES, 10, 0], False),
        ([0, MUCH, 0, MUCH, 0], False),
        ([MUCH, MUCH - 1], True),
        ([10, 9], True),
    ],
)
def test_who_reads_is_waited_for(sizes, is_ended):
    loop = asyncio.new_event_loop()
    config = listening.config_of(heard, Settings(()), Address())
    protocol = patience.PatientProtocol(config, ServerState(), {}, loop)
    transport: Any = Unread(*sizes)
    with contextlib.closing(loop):
        protocol.transport = transport
        while transport.sizes:
            assert not transport.is_ended
            protocol._look()
    assert transport.is_ended == is_ended


def started(*words):
    """Starts `strata serve`; returns its process and where it is asked."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", "serve", *map(str, words)],
        cwd=processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    line = process.stdout.readline()
    assert line.startswith("ready at "), line + process.communicate()[0]
    return process, line.split()[-1]


@contextlib.contextmanager
def running(*words):
    process, url = started(*words, "--port=0")
    try:
        yield process, url
    finally:
        process.kill()
        process.communicate()


ROW = {"instances": [np.zeros((8, 8), int).tolist()]}


def ask(url, context=None, **headers):
    request = urllib.request.Request(
        f"{url}/v1/models/digits:predict", json.dumps(ROW).encode(), headers
    )
    with urllib.request.urlopen(request, timeout=60, context=context) as found:
        return json.load(found)


def test_a_shells_folder_of_numbers_is_left_aside(monkeypatch):
    def refuse(settings):
        raise UserError(f"numbers in {os.environ.get(FOLDER_VARIABLE)}")

    monkeypatch.setenv(FOLDER_VARIABLE, "/nonexistent")
    monkeypatch.setattr(app, "build", refuse)
    with socket.socket() as taken, pytest.raises(UserError, match="in None"):
        listening.serve(Settings(()), Address(port=0), taken)


def test_sigterm_drains_and_leaves_with_0(exported):
    with running(exported) as (process, url):
        host = url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=60)
        body = json.dumps(ROW).encode()
        connection.putrequest("POST", "/v1/models/digits:predict")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])
        ask(url)  # by now the other one is in flight
        process.send_signal(signal.SIGTERM)
        address = (host.split(":")[0], int(host.split(":")[1]))

        def is_closed():
            try:
                socket.create_connection(address).close()
            except ConnectionRefusedError:
                return True
            return False

        jobs.wait_for("the port to be closed", is_closed)
        connection.send(body[10:])
        answer = connection.getresponse()
        assert answer.status == 200
        assert json.load(answer)["predictions"]
        assert process.wait(60) == 0
        assert process.stdout.read() == ""


@pytest.mark.slow
def test_a_worker_that_is_killed_is_started_again(exported):
    with running(exported, "--workers=2") as (process, url):
        first = workers_of(process.pid)
        assert len(first) == 2
        ask(url)
        os.kill(first[0], signal.SIGKILL)
        jobs.wait_for(
            "another worker",
            lambda: len(set(workers_of(process.pid)) - set(first)) == 1,
        )
        for _ in range(20):
            ask(url)
        with urllib.request.urlopen(f"{url}/metrics") as found:
            text = found.read().decode()
        asked = [
            line for line in text.splitlines()
            if line.startswith("strata_server_requests_total")
            and 'ask="predict"' in line
        ]  # fmt: skip
        assert sum(float(line.split()[-1]) for line in asked) == 21
        assert 'strata_server_model_version{model="digits"} 1.0' in text
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert not workers_of(process.pid)


class Worker:
    """Stands for a worker process."""

    def __init__(self, is_ready):
        self.is_ready = lambda: is_ready


@pytest.mark.parametrize("ends", [True, False])
def test_workers_are_started_ever_later_and_not_for_ever(
    monkeypatch, capsys, ends
):
    def start_again(workers):
        started.append(now[0])
        workers.processes = [Worker(is_ready=not ends)]

    now, started = [0.0], list[float]()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(listening.time, "monotonic", lambda: now[0])
    config = listening.config_of(heard, Settings((), workers=2), Address())
    workers = listening._Workers(config, [], "")
    base = listening.Multiprocess
    monkeypatch.setattr(base, "keep_subprocess_alive", start_again)
    while not workers.has_failed and now[0] < 200:
        workers.keep_subprocess_alive()
        now[0] += 1
        if not ends:  # but goes on until it is killed
            with monkeypatch.context() as quiet:
                quiet.setattr(base, "keep_subprocess_alive", lambda _: None)
                workers.keep_subprocess_alive()
    if not ends:
        assert len(started) == 200
        return
    assert workers.should_exit.is_set()
    waits = np.diff(started)
    assert waits[0] <= 1 and (np.diff(waits) >= 0).all() and waits[-1] >= 15
    assert "workers ended 7 times" in capsys.readouterr().err


@pytest.mark.parametrize("is_ready", [True, False])
def test_workers_that_start_are_ended_when_asked(monkeypatch, capsys, is_ready):
    class Starting:
        is_alive = staticmethod(lambda: True)

        @property
        def process(self):
            return self

        def wait_until_ready(self, secs, should_exit=None):
            waited.append(secs)
            workers.signal_queue.append(signal.SIGTERM)
            return is_ready

    waited = list[float]()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    config = listening.config_of(heard, Settings((), workers=2), Address())
    workers = listening._Workers(config, [], "")
    monkeypatch.setattr(listening.Multiprocess, "init_processes", lambda _: 0)
    monkeypatch.setattr(workers, "processes", [Starting(), Starting()])
    workers.init_processes()
    assert workers.should_exit.is_set()
    assert waited == [listening.LOOK_SECS]
    assert capsys.readouterr().out == ""


@pytest.fixture
def made():
    """Leaves each signal as it was; returns a maker of workers."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    config = listening.config_of(heard, Settings((), workers=2), Address())
    yield lambda: listening._Workers(config, [], "")
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("is_starting", [True, False])
def test_workers_end_where_the_terminal_is_closed(made, is_starting):
    workers = made()
    os.kill(os.getpid(), signal.SIGHUP)
    if is_starting:
        assert workers._is_to_end()
    else:
        workers.handle_signals()
    assert workers.should_exit.is_set()
    assert workers.is_hung_up


def test_workers_go_on_under_nohup(made):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    workers = made()
    os.kill(os.getpid(), signal.SIGHUP)
    assert not workers._is_to_end()
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.slow
def test_a_server_of_workers_ends_by_sighup(exported):
    with running(exported, "--workers=2") as (process, _):
        started = workers_of(process.pid)
        process.send_signal(signal.SIGHUP)
        assert process.wait(60) == -signal.SIGHUP
        assert not any(map(command_of, started))


def workers_of(pid):
    """Returns the ids of a process's children that serve."""
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    children = path.read_text().split() if path.exists() else []
    return [
        int(child)
        for child in children
        if b"spawn_main" in command_of(child)
        and b"resource_tracker" not in command_of(child)
    ]


def command_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_tls_and_a_token_together(exported, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
         "1", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(TOKEN)
    flags = [
        f"--tls_certificate={certificate}",
        f"--tls_key={key}",
        f"--token_file={token}",
    ]
    with running(exported, *flags) as (_, url):
        assert url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=certificate)
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(url, context)
        with refused.value:
            assert refused.value.code == 401
        assert ask(url, context, Authorization=f"Bearer {TOKEN}")
