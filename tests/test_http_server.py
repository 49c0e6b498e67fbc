"""Stand-ins tell of their own faults, and of no client that is gone."""

import http.client
import http.server
import socket
import struct
import threading
import urllib.request

import pytest

from tests.http_server import serving


def test_a_client_that_is_gone_is_no_news(capfd):
    asked, gone = threading.Event(), threading.Event()
    ended = threading.Event()

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            gone.wait(20)
            try:
                for _ in range(1000):
                    self.wfile.write(b"x" * 65536)
            finally:
                ended.set()

    with serving(Slow) as address:
        host, port = address.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        asked.wait(20)
        # It resets the connection as it leaves.
        linger = struct.pack("ii", 1, 0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        client.close()
        gone.set()
        assert ended.wait(20)
    assert capfd.readouterr().err == ""


def test_a_fault_of_the_handler_is_told(capfd):
    class Wrong(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            raise ValueError("a fault of the stand-in")

    with serving(Wrong) as address, pytest.raises(http.client.HTTPException):
        urllib.request.urlopen(address, timeout=20)
    assert "a fault of the stand-in" in capfd.readouterr().err
