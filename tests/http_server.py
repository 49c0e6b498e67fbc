"""Servers on the loopback for the length of a test."""

import contextlib
import http.server
import socket
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

# Often enough that no test waits for a server to end.
POLL_SECS = 0.02


class _Server(http.server.ThreadingHTTPServer):
    """Answers each request in a thread that nothing waits for."""

    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        """Has no body wait 40 ms for the client's word on its headers."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that is gone.

        Its thread may outlive the test, and what it printed would stand in
        the output that another one captures.
        """
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(
    handler: Callable[..., http.server.BaseHTTPRequestHandler],
) -> Iterator[str]:
    """Answers by a handler on a port of its own; gives the address."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECS,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
