"""A process's numbers over HTTP: where they are, and who cannot disturb."""

import socket
import sys
import urllib.request

import pytest

from trainer.process import exposition
from trainer.process.exits import UserError
from trainer.process.ports import LOOPBACK


def read(listening):
    host, port = listening.getsockname()[:2]
    with urllib.request.urlopen(f"http://{host}:{port}/metrics") as answer:
        return answer.read().decode()


def test_it_is_off_unless_asked_for():
    assert exposition.opened(LOOPBACK, None, {}) is None


def test_a_process_shows_its_own_memory():
    listening = exposition.listen(LOOPBACK, 0)
    exposition.serve(listening)
    assert "\nprocess_resident_memory_bytes " in read(listening)


def test_a_supervisors_socket_goes_before_the_port():
    listening = exposition.listen(LOOPBACK, 0)
    port = listening.getsockname()[1]
    handed = {exposition.METRICS_FD: str(listening.detach())}
    exposition.opened(LOOPBACK, 1, handed)
    assert handed == {}  # what this process starts is not handed it
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert b"process_cpu_seconds_total" in answer.read()


def test_who_says_nothing_or_hangs_up_holds_up_nobody(capfd):
    listening = exposition.listen(LOOPBACK, 0)
    exposition.serve(listening)
    silent = socket.create_connection(listening.getsockname())
    for words in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\xff\0\r\n\r\n"):
        with socket.create_connection(listening.getsockname()) as rude:
            rude.sendall(words)
    assert "process_open_fds" in read(listening)
    silent.close()
    assert capfd.readouterr().err == ""


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UserError, match="Strata's extra metrics"):
        exposition.listen(LOOPBACK, 0)
