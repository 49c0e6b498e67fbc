"""A process's numbers over HTTP, as Prometheus reads them."""

import http.server
import socket
import threading
from collections.abc import MutableMapping
from typing import Any
from typing import TYPE_CHECKING

from trainer.process.extras import missing_package
from trainer.process.ports import bound

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

# Variable that holds the number of a socket that a supervisor opened for this
# process. It is of the supervisor's network, which a worker's may not be.
METRICS_FD = "STRATA_METRICS_FD"
# After which a connection that asks nothing is closed.
IDLE_SECS = 10.0


def check_possible() -> None:
    """Raises UserError where prometheus_client is not installed."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        raise missing_package(
            "--metrics_port", "prometheus-client", "metrics"
        ) from None


def listen(host: str, port: int) -> socket.socket:
    """Opens the socket that numbers are asked for at.

    Args:
      host: an address or a name of this machine's.
      port: 0 for any that is free.

    Raises:
      UserError: it cannot be had.
    """
    check_possible()
    listening = bound(host, port, flags="metrics_")
    listening.listen()
    return listening


def opened(
    host: str, port: int | None, environment: MutableMapping[str, str]
) -> "CollectorRegistry | None":
    """Shows the numbers of this process from now on, if it is asked to.

    Args:
      host: to listen at.
      port: to listen at; None for not at all.
      environment: that names a supervisor's socket, which goes before these.

    Returns:
      What numbers are to be put into; None where none are asked for.

    Raises:
      UserError: the port cannot be had.
    """
    if METRICS_FD in environment:
        # A job started from here has no such descriptor.
        handed = int(environment.pop(METRICS_FD))
        return serve(socket.socket(fileno=handed))
    return None if port is None else serve(listen(host, port))


def serve(listening: socket.socket) -> "CollectorRegistry":
    """Answers at a socket for as long as the process lives.

    Args:
      listening: that is bound already.

    Returns:
      What is shown: the process's own memory and time, and what is put there.
    """
    from prometheus_client import CollectorRegistry
    from prometheus_client import disable_created_metrics
    from prometheus_client import MetricsHandler
    from prometheus_client import ProcessCollector

    # When a counter began is for OpenMetrics; here it is a gauge for each.
    disable_created_metrics()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    handler: Any = MetricsHandler.factory(registry)
    handler.timeout = IDLE_SECS
    server = _Server(listening, handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return registry


class _Server(http.server.ThreadingHTTPServer):
    """Answers at a socket that is there; who hangs up is no news."""

    def __init__(self, listening: socket.socket, handler: Any) -> None:
        address = listening.getsockname()
        super().__init__(address, handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass
